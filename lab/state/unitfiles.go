package state

import (
	"path"
	"slices"
	"strings"
)

// unitFolders are where units' files are, what counts more first, as
// systemd.unit(5) says. Of users' units and portable services nothing is
// looked at.
var unitFolders = []string{
	"run/systemd/transient", "run/systemd/generator.early", etcUnits, "run/systemd/system", "run/systemd/generator",
	"usr/local/lib/systemd/system", "usr/lib/systemd/system", "lib/systemd/system", "run/systemd/generator.late",
}

// etcUnits is where "systemctl enable" makes its links.
const etcUnits = "etc/systemd/system"

// unitFile is a unit's file, or a link to one.
type unitFile struct {
	folder int    // in unitFolders
	dir    string // below it; empty, or as "x.wants"
	name   string
	link   bool
	target string // of a link: the last part of its path
	kind   byte   // of what is there in the end, as find's %Y says it
	empty  bool
}

// unitFiles are all units' files of a machine.
type unitFiles struct {
	files map[string]unitFile            // by name: the one that counts
	links map[string][]unitFile          // what enables or names a unit, by the link's name and by its target
	rules map[string]map[string][]string // by path, then name: values of [Install]
	drops map[string][]string            // by unit: paths of its drop-ins, sorted
}

// parseUnitFiles reads lines of two kinds. For each file and link of unitFolders
// and the folders there: its path, type and the type of what it leads to, size
// and target, with NULs between them. For each setting of [Install]: the
// file's path, a NUL, and the line.
func parseUnitFiles(text string) *unitFiles {
	u := &unitFiles{
		files: map[string]unitFile{}, links: map[string][]unitFile{},
		rules: map[string]map[string][]string{}, drops: map[string][]string{},
	}
	for line := range strings.Lines(text) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\x00")
		switch len(f) {
		case 2:
			u.addRule(f[0], f[1])
		case 4:
			u.addFile(f[0], f[1], f[2], f[3])
		}
	}
	for _, paths := range u.drops {
		slices.Sort(paths)
	}
	return u
}

// addRule adds a setting of [Install]; one without a value takes back those
// before it.
func (u *unitFiles) addRule(file, line string) {
	name, value, _ := strings.Cut(line, "=")
	name = strings.TrimSpace(name)
	if u.rules[file] == nil {
		u.rules[file] = map[string][]string{}
	}
	values := strings.Fields(value)
	if len(values) > 0 {
		values = append(u.rules[file][name], values...)
	}
	u.rules[file][name] = values
}

func (u *unitFiles) addFile(file, kinds, size, target string) {
	folder := slices.IndexFunc(unitFolders, func(dir string) bool { return strings.HasPrefix(file, dir+"/") })
	if folder < 0 || len(kinds) != 2 {
		return
	}
	dir, name := path.Split(file[len(unitFolders[folder])+1:])
	f := unitFile{folder: folder, dir: strings.TrimSuffix(dir, "/"), name: name, link: kinds[0] == 'l', kind: kinds[1], empty: size == "0"}
	if f.link {
		f.target = path.Base(target)
	}
	switch path.Ext(f.dir) {
	case ".d":
		unit := strings.TrimSuffix(f.dir, ".d")
		u.drops[unit] = append(u.drops[unit], file)
	case ".wants", ".requires", ".upholds":
		u.addLink(f)
	default:
		if known, ok := u.files[name]; f.dir == "" && (!ok || f.folder < known.folder) {
			u.files[name] = f
		}
		if f.dir == "" {
			u.addLink(f)
		}
	}
}

func (u *unitFiles) addLink(f unitFile) {
	if !f.link {
		return
	}
	u.links[f.name] = append(u.links[f.name], f)
	if f.target != f.name {
		u.links[f.target] = append(u.links[f.target], f)
	}
}

// install is what [Install] of a unit says of a setting, its drop-ins
// included.
func (u *unitFiles) install(unit, setting string) []string {
	f := u.files[unit]
	values := slices.Clone(u.rules[unitFolders[f.folder]+"/"+unit][setting])
	for _, drop := range u.drops[unit] {
		more, said := u.rules[drop][setting]
		if said && len(more) == 0 {
			values = nil
		}
		values = append(values, more...)
	}
	return values
}
