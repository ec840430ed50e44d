package check

import (
	"context"
	"path"
	"strings"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/guest"
)

// sysctlCheck reads a parameter of the kernel. White space between the numbers
// of one counts as one space.
func sysctlCheck(ctx context.Context, s *lab.KernelParameterCheck, at place) finding {
	file, ok := sysctlFile(s.Name)
	if !ok {
		return finding{faults: []string{quoted(s.Name) + " is no name of a kernel parameter"}}
	}
	got, f := at.ask(ctx, scripts{lab.Linux: "p=" + guest.Quote(file) + `
if [ -f "$p" ]; then fact value; cat "$p" || fact unreadable; else fact absent; fi`})
	switch value := strings.Join(strings.Fields(got["value"]), " "); {
	case !f.passed():
	case got.has("absent"):
		f.fault("there is no kernel parameter %s", s.Name)
	case got.has("unreadable") || !got.has("value"):
		f.fault("kernel parameter %s cannot be read%s", s.Name, after(got["stderr"]))
	case s.Value.IsZero():
		f.seen = s.Name + " is " + quoted(value)
	default:
		f.seen = s.Name
		f.expect(s.Name, s.Value, []byte(value), false)
		f.seen = strings.TrimPrefix(f.seen, s.Name+", ")
	}
	return f
}

// sysctlFile is where parameter name is read. As sysctl has it, the first
// separator says whether parts are divided by dots, and dots in them are
// written as slashes, or the other way round.
func sysctlFile(name string) (file string, ok bool) {
	if i := strings.IndexAny(name, "./"); i >= 0 && name[i] == '.' {
		name = strings.NewReplacer(".", "/", "/", ".").Replace(name)
	}
	file = "/proc/sys/" + name
	return file, name != "" && path.Clean(file) == file && !strings.ContainsRune(name, 0)
}
