package patch

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/guest"
)

// debContent tells two builds of a package with one version apart: its scripts
// and the hashes of its files, as text to be compared.
type debContent struct {
	file      string // of the .deb file
	installed string // of what dpkg installed; empty: nothing is known of it
}

// contentScript defines compare FILE NAME ARCH, which prints four sections: the
// hashes of a package's control files, of the installed ones, and its and the
// installed package's list of hashes. For a package without such a list dpkg
// made one of all its files.
const contentScript = `info=/var/lib/dpkg/info
compare() {
	rm -rf c x && dpkg-deb --control "$1" c && echo "=control" || exit 1
	(cd c && md5sum -- *)
	echo "=info"
	p="$info/$2"
	if [ -e "$p:$3.list" ]; then p="$p:$3"; fi
	md5sum -- "$p".* 2>/dev/null
	echo "=files"
	if [ -e c/md5sums ]; then cat c/md5sums
	else dpkg-deb --extract "$1" x && (cd x && find . -type f -exec md5sum {} +)
	fi
	echo; echo "=installed"
	cat "$p.md5sums" 2>/dev/null
	echo
}
`

// contents compares packages, which are there in the same version, with what
// is installed. The result is in their order.
func (j *job) contents(ctx context.Context, debs []deb) ([]debContent, error) {
	if len(debs) == 0 {
		return nil, nil
	}
	var shell strings.Builder
	dir := guest.Quote(j.stage + "/compare")
	shell.WriteString(contentScript + "mkdir -p " + dir + " && cd " + dir + " || exit 1\n")
	for _, d := range debs {
		shell.WriteString("compare " + guest.Quote(d.staged, d.name, d.arch) + "\n")
	}
	shell.WriteString("rm -rf " + dir + "\n")
	text, err := j.ask(ctx, shell.String())
	if err != nil {
		return nil, err
	}
	list, err := parseContents(text, debs)
	if err != nil {
		return nil, &lab.GuestError{Machine: j.guest.Machine().Name, Op: "look at the packages on", Err: err}
	}
	return list, nil
}

func parseContents(text string, debs []deb) ([]debContent, error) {
	parts := strings.Split("\n"+text, "\n=control\n")[1:]
	if len(parts) != len(debs) {
		return nil, fmt.Errorf("%d packages were compared, want %d", len(parts), len(debs))
	}
	var list []debContent
	for i, d := range debs {
		control, rest, _ := strings.Cut(parts[i], "=info\n")
		info, rest, _ := strings.Cut(rest, "=files\n")
		files, installed, ok := strings.Cut(rest, "\n=installed\n")
		if !ok {
			return nil, fmt.Errorf("%s cannot be compared", d.id())
		}
		c := debContent{file: digest(control, files, "")}
		if strings.TrimSpace(info) != "" {
			c.installed = digest(info, installed, d.name)
		}
		list = append(list, c)
	}
	return list, nil
}

// deciding are the control files that make a difference when a package is
// installed.
var deciding = []string{"preinst", "postinst", "prerm", "postrm", "config", "templates", "triggers", "conffiles", "shlibs"}

// digest is the text by which contents are compared. Name is what the names
// of the control files have in front, when they come from dpkg's folder.
func digest(control, files, name string) string {
	lines := map[string]bool{}
	for line := range strings.Lines(control) {
		hash, file, _ := strings.Cut(strings.TrimSpace(line), " ")
		file = path.Base(strings.TrimSpace(file))
		if name != "" {
			_, file, _ = strings.Cut(strings.TrimPrefix(file, name), ".")
		}
		if slices.Contains(deciding, file) {
			lines["script "+file+" "+hash] = true
		}
	}
	for line := range strings.Lines(files) {
		hash, file, _ := strings.Cut(strings.TrimSpace(line), " ")
		if file = strings.TrimPrefix(strings.TrimSpace(file), "./"); file != "" {
			lines["file "+file+" "+hash] = true
		}
	}
	return strings.Join(slices.Sorted(maps.Keys(lines)), "\n")
}

// pending are the packages that have something to install, and the content
// of those among them that are there in the same version, before.
func (j *job) pending(ctx context.Context, chosen []deb, st state) (pending []deb, rebuilt map[string]string, err error) {
	var same []deb
	for _, d := range chosen {
		if d.notIn(st) == "" {
			same = append(same, d)
		}
	}
	contents, err := j.contents(ctx, same)
	if err != nil {
		return nil, nil, err
	}
	there := map[string]bool{}
	rebuilt = map[string]string{}
	for i, d := range same {
		if contents[i].file == contents[i].installed {
			there[d.id()] = true
		} else {
			rebuilt[d.id()] = contents[i].installed
		}
	}
	return slices.DeleteFunc(slices.Clone(chosen), func(d deb) bool { return there[d.id()] }), rebuilt, nil
}

// unchanged names a package that was to be installed again and has still the
// content that it had before; empty: none.
func (j *job) unchanged(ctx context.Context, pending []deb, rebuilt map[string]string) (string, error) {
	again := slices.DeleteFunc(slices.Clone(pending), func(d deb) bool { _, ok := rebuilt[d.id()]; return !ok })
	contents, err := j.contents(ctx, again)
	if err != nil {
		return "", err
	}
	for i, d := range again {
		if contents[i].installed == rebuilt[d.id()] {
			return d.id(), nil
		}
	}
	return "", nil
}
