package hcl

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// watch is what a watch block says.
type watch struct {
	paths    []string
	commands map[string]string // by name
}

func readWatch(r *reader) watch {
	if !r.has("paths") && !r.has("commands") && !r.doubtful() {
		r.fail(r.self.DefRange(), "Empty block", "The %s says nothing: it takes \"paths\", \"commands\" or both.", r.what)
	}
	w := watch{commands: map[string]string{}}
	for _, i := range r.strs("paths") {
		if path, ok := r.guestPathOf("paths", i.text(), i.at); ok {
			w.paths = append(w.paths, path)
		}
	}
	items, _ := r.entries("commands", `a map from names to commands, such as { "app version" = "app --version" }`)
	for _, i := range items {
		text, ok := r.freeText("commands", i)
		switch {
		case !isLine(i.key) || len(i.key) > maxCommandName:
			r.fail(i.at, "Invalid name", "%q, in \"commands\" of %s, must be a name: one line of text, %d bytes at most.", i.key, r.what, maxCommandName)
		case ok && strings.TrimSpace(text) == "":
			r.fail(i.at, "Empty value", "The command %q, in \"commands\" of %s, is empty.", i.key, r.what)
		case ok:
			w.commands[i.key] = text
		}
	}
	return w
}

const maxCommandName = 100

// watched is what is looked at on a machine: what always is, what the lab says
// for all machines, and what the machine itself says. Of the lab's paths, those
// that a machine of its system can have; a command of the machine takes the
// place of the lab's with its name.
func watched(os lab.OS, common, own watch) lab.Watch {
	var w lab.Watch
	if os == lab.Linux {
		w.Paths = []string{"/etc"}
	}
	for _, p := range slices.Concat(common.paths, own.paths) {
		if drivePath.MatchString(p) == (os == lab.Windows) && !slices.Contains(w.Paths, p) {
			w.Paths = append(w.Paths, p)
		}
	}
	all := map[string]string{}
	maps.Copy(all, common.commands)
	maps.Copy(all, own.commands)
	for name, run := range all {
		w.Commands = append(w.Commands, lab.WatchedCommand{Name: name, Run: run})
	}
	slices.SortFunc(w.Commands, func(a, b lab.WatchedCommand) int { return cmp.Compare(a.Name, b.Name) })
	return w
}
