package state

import (
	"cmp"
	"path"
	"slices"
	"strings"
)

// The states that more than one rule gives.
const (
	unitMasked   = "masked"
	unitEnabled  = "enabled"
	unitLinked   = "linked"
	unitIndirect = "indirect"
	unitStatic   = "static"
	unitRuntime  = "-runtime" // behind another: it is so until the next boot
)

// states gives the state of each unit that has a file, in systemctl's words
// and by its rules (is-enabled in systemctl(1)), and of each instance of a
// template that a link starts.
func (u *unitFiles) states() map[string]string {
	states := map[string]string{}
	for name := range u.files {
		states[name] = u.state(name)
	}
	for name, links := range u.links {
		template := templateOf(name)
		if _, own := u.files[name]; own || template == "" {
			continue
		}
		if _, there := u.files[template]; !there || u.files[template].masked() {
			continue
		}
		starts := func(l unitFile) bool { return l.name == name && l.dir != "" }
		if slices.ContainsFunc(links, starts) { // a package's link too, but nobody enabled that
			states[name] = cmp.Or(linkedFrom(links, starts), unitStatic)
		}
	}
	return states
}

// state is the state of a unit with a file.
func (u *unitFiles) state(name string) string {
	f := u.files[name]
	switch {
	case f.masked():
		return unitMasked + f.runtime()
	case f.kind != 'f':
		return "bad"
	case f.link && f.target != name:
		return "alias"
	case strings.Contains(unitFolders[f.folder], "/generator"):
		return "generated"
	case strings.HasSuffix(unitFolders[f.folder], "/transient"):
		return "transient"
	}
	links := slices.DeleteFunc(slices.Clone(u.links[name]), func(l unitFile) bool {
		return l.dir == "" && l.name == name // that is the file, or one that does not count
	})
	own := u.ownNames(name)
	if state := linkedFrom(links, func(l unitFile) bool { return own[l.name] }); state != "" {
		return state
	}
	if f.link && (unitFolders[f.folder] == etcUnits || f.runtime() != "") {
		return unitLinked + f.runtime()
	}
	if linkedFrom(links, func(unitFile) bool { return true }) != "" {
		return unitIndirect // it has a name, or an instance, that it does not tell of
	}
	switch {
	case u.any(name, "WantedBy", "RequiredBy", "UpheldBy", "Alias"):
		return "disabled"
	case u.any(name, "Also"):
		return unitIndirect
	}
	return unitStatic
}

// ownNames are the names of links that enabling the unit would make.
func (u *unitFiles) ownNames(unit string) map[string]bool {
	names := map[string]bool{unit: true}
	for _, alias := range u.install(unit, "Alias") {
		names[alias] = true
	}
	instance := u.install(unit, "DefaultInstance")
	if at := strings.Index(unit, "@."); at >= 0 && len(instance) > 0 {
		names[unit[:at+1]+instance[len(instance)-1]+unit[at+1:]] = true
	}
	return names
}

func (u *unitFiles) any(unit string, settings ...string) bool {
	return slices.ContainsFunc(settings, func(s string) bool { return len(u.install(unit, s)) > 0 })
}

// linkedFrom says where the links that count enable something: for good, until
// the next boot, or (empty) neither. Links that come with packages enable
// nothing: nobody can take them away.
func linkedFrom(links []unitFile, counts func(unitFile) bool) string {
	state := ""
	for _, l := range links {
		switch {
		case !counts(l):
		case unitFolders[l.folder] == etcUnits:
			return unitEnabled
		case l.runtime() != "":
			state = unitEnabled + unitRuntime
		}
	}
	return state
}

// masked: a link to /dev/null, or an empty file.
func (f unitFile) masked() bool { return f.link && f.kind == 'c' || !f.link && f.empty }

// runtime is "-runtime" for what is gone with the next boot.
func (f unitFile) runtime() string {
	if strings.HasPrefix(unitFolders[f.folder], "run/") {
		return unitRuntime
	}
	return ""
}

// templateOf is the template of an instance, else empty.
func templateOf(unit string) string {
	at := strings.IndexByte(unit, '@')
	ext := path.Ext(unit)
	if at <= 0 || at+1 >= len(unit)-len(ext) {
		return ""
	}
	return unit[:at+1] + ext
}
