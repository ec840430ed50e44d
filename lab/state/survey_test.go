package state

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/patchlab/patchlab/lab"
)

var _ lab.Surveyor = Surveyor{}

func TestSurveyErrors(t *testing.T) {
	gone := &lab.GuestError{Machine: "web", Op: "run a command on", Err: errors.New("the SSH connection was lost")}
	late := &lab.GuestError{Machine: "web", Op: "run a command on", Err: fmt.Errorf("late: %w", context.DeadlineExceeded)}
	for _, c := range []struct {
		name string
		os   lab.OS
		run  func(lab.Command) (lab.Output, error)
		want string // error; empty: gaps
	}{
		{"connection lost", lab.Linux, func(lab.Command) (lab.Output, error) { return lab.Output{}, gone }, "cannot run a command on machine \"web\": the SSH connection was lost"},
		{"no shell", lab.Linux, prints("what?", lab.Output{ExitCode: 127}), "cannot take stock of machine \"web\": its shell exits with 127 and has said nothing"},
		{"too late", lab.Linux, func(lab.Command) (lab.Output, error) { return lab.Output{}, late }, ""},
		{"no JSON", lab.Windows, prints("At line:1", lab.Output{ExitCode: 1}), "cannot take stock of machine \"web\": its PowerShell exits with 1, and what it says is no JSON: invalid character 'A' looking for beginning of value"},
		{"too late", lab.Windows, func(lab.Command) (lab.Output, error) { return lab.Output{}, late }, ""},
		{"unknown", "plan9", nil, "cannot take stock of machine \"web\": unknown operating system \"plan9\""},
	} {
		m := &machine{run: c.run, def: lab.Machine{Name: "web", Image: &lab.Image{OS: c.os}, Watch: lab.Watch{Paths: []string{"/etc"}}}}
		st, err := Surveyor{}.Survey(t.Context(), m, nil)
		switch {
		case c.want != "" && (err == nil || err.Error() != c.want || st != nil):
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		case c.want == "" && (err != nil || len(st.Gaps) == 0):
			t.Errorf("%s: %v, gaps %v", c.name, err, st)
		}
	}
}

func TestSurveyInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	m := &machine{def: lab.Machine{Name: "web", Image: &lab.Image{OS: lab.Linux}}}
	m.run = func(lab.Command) (lab.Output, error) {
		cancel()
		return lab.Output{}, ctx.Err()
	}
	if _, err := (Surveyor{}).Survey(ctx, m, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want the context's", err)
	}
}

func TestWatchedCommands(t *testing.T) {
	m := &machine{def: lab.Machine{Name: "web", Image: &lab.Image{OS: lab.Linux}, Watch: lab.Watch{Commands: []lab.WatchedCommand{
		{Name: "late", Run: "late"}, {Name: "killed", Run: "killed"}, {Name: "long", Run: "long"}, {Name: "short", Run: "short"},
	}}}}
	m.run = func(c lab.Command) (lab.Output, error) {
		switch c.Shell {
		case "late":
			return lab.Output{}, fmt.Errorf("x: %w", context.DeadlineExceeded)
		case "killed":
			return lab.Output{ExitCode: -1, Signal: "KILL"}, nil
		case "long":
			_, _ = io.WriteString(c.Stdout, strings.Repeat("l", maxText+1))
		default:
			_, _ = io.WriteString(c.Stdout, "\x1b[1mshort\n")
		}
		return lab.Output{}, nil
	}
	st := newStock(nil)
	must(t, watchedCommands(t.Context(), m, st, lab.Quiet(nil)))
	same(t, "commands", map[string]string{
		"late": lab.NotLookedAt, "killed": "SIGKILL " + sum(""), "long": "0 " + sum(strings.Repeat("l", maxText+1)), "short": "0 " + sum("\x1b[1mshort\n"),
	}, st.state.Items[lab.StateCommand])
	same(t, "texts", map[string]string{"command:killed": "", "command:short": "short\n"}, st.state.Texts)
	same(t, "gaps", []string{`watched command "late": it did not finish within 1m0s`}, st.state.Gaps)
}

// entry is one file as find lists it.
func entry(path string, size int64) string {
	return fmt.Sprintf("f\x000644\x00root:domain users\x00%d\x00%s\x00\x00", size, path)
}

func TestListLimits(t *testing.T) {
	many := func(n int, path string) frame {
		var b strings.Builder
		for i := range n {
			b.WriteString(entry(fmt.Sprint(path, "/", i), 1))
		}
		return frame{data: []byte(b.String())}
	}
	st := newStock(nil)
	files := linux{}.list(st, map[string]frame{
		"files:0": many(maxFiles-10, "/a"),
		"files:1": many(11, "/many"),
		"files:2": {data: []byte(entry("/big/1", maxBig) + entry("/big/2", maxBig) + entry("/big/3", maxBig) + entry("/big/4", maxBig))},
		"files:3": {data: []byte(entry("/one/huge", 1<<40)), said: "find: '/one/x': Permission denied"},
		"files:4": {said: "find: unrecognized: -printf"},
		"files:5": {data: []byte(entry("/cut", 1)[:12])},
		"files:6": {data: make([]byte, maxList)},
	}, []string{"/a", "/many", "/big", "/one", "/old", "/cut", "/long", "/late"})
	want := map[string]string{}
	for _, p := range []string{"/many", "/big", "/old", "/cut", "/long", "/late"} {
		want[p] = lab.NotLookedAt
	}
	same(t, "items", want, st.state.Items[lab.StateFile])
	same(t, "gaps", []string{
		"files below /many: more than 20000 files in all", "files below /big: more than 256 MiB in all",
		"some files below /one: find: '/one/x': Permission denied", "files below /old: find: unrecognized: -printf",
		"files below /cut: their list breaks off", "files below /long: their list is longer than 8 MiB", "files below /late: the machine has not come to it",
	}, st.state.Gaps)
	if len(files) != maxFiles-9 {
		t.Fatalf("%d files", len(files))
	}
	if huge := files[len(files)-1]; huge.value() != "file 0644 root:domain_users 1099511627776 bytes" {
		t.Errorf("a huge file is %q", huge.value())
	}
}

func TestToFetch(t *testing.T) {
	files := []*file{
		{path: "/m", kind: "file", size: fetchEach},
		{path: "/z", kind: "file", size: maxText},
		{path: "/d", kind: "dir", size: 1},
		{path: "/b", kind: "file", size: 1},
		{path: "/x", kind: "file", size: fetchEach + 1},
	}
	for i := range 20 {
		files = append(files, &file{path: fmt.Sprintf("/n%02d", i), kind: "file", size: fetchEach})
	}
	var got []string
	for _, f := range toFetch(files) {
		got = append(got, f.path)
	}
	same(t, "fetched", "/b /z /m /n00 /n01 /n02 /n03 /n04 /n05", strings.Join(got, " "))
}
