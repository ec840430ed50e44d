package patch

import (
	"cmp"
	"context"
	"flag"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/patchlab/patchlab/lab"
)

func TestMain(m *testing.M) {
	flag.Parse()
	if flag.Lookup("test.fuzz").Value.String() != "" {
		os.Exit(m.Run()) // the fuzzing engine leaves goroutines of its own
	}
	goleak.VerifyTestMain(m)
}

// machine is a scripted lab.Guest. Each command is answered by the first
// reply whose word is in it; one without reply succeeds silently.
type machine struct {
	lab.Guest
	t        *testing.T
	replies  []reply
	commands []lab.Command
	uploads  map[string]string // path on the machine: content
	modes    map[string]fs.FileMode
	upload   error
	os       lab.OS // empty: Linux
}

type reply struct {
	word   string
	stdout string
	code   int
	err    error
	times  int // how often it is given; 0: always
}

func (m *machine) Machine() *lab.Machine {
	return &lab.Machine{Name: "web", Image: &lab.Image{OS: cmp.Or(m.os, lab.Linux)}}
}

func (m *machine) Run(_ context.Context, c lab.Command) (lab.Output, error) {
	m.commands = append(m.commands, c)
	for i := range m.replies {
		r := &m.replies[i]
		if r.times < 0 || !strings.Contains(c.Shell, r.word) {
			continue
		}
		if r.times > 0 {
			if r.times--; r.times == 0 {
				r.times = -1
			}
		}
		if c.Stdout != nil {
			_, _ = io.WriteString(c.Stdout, r.stdout)
		}
		return lab.Output{ExitCode: r.code, Stdout: []byte(r.stdout)}, r.err
	}
	return lab.Output{}, nil
}

func (m *machine) Upload(_ context.Context, src, dst string, mode fs.FileMode, _ lab.Progress) error {
	b, err := os.ReadFile(src)
	if err != nil {
		m.t.Error(err)
	}
	if m.uploads == nil {
		m.uploads, m.modes = map[string]string{}, map[string]fs.FileMode{}
	}
	m.uploads[dst], m.modes[dst] = string(b), mode
	return m.upload
}

// ran returns the first command with word in it.
func (m *machine) ran(word string) (lab.Command, bool) {
	for _, c := range m.commands {
		if strings.Contains(c.Shell, word) {
			return c, true
		}
	}
	return lab.Command{}, false
}

// checkCleaned asserts that the last command removes the stage, if there was
// one.
func (m *machine) checkCleaned() {
	m.t.Helper()
	if _, made := m.ran("mkdir -p -- " + stageRoot); !made && len(m.uploads) == 0 {
		return
	}
	if len(m.commands) == 0 || !strings.HasPrefix(m.commands[len(m.commands)-1].Shell, "rm -rf -- "+stageRoot+"/") {
		m.t.Error("what was staged is not removed at the end")
	}
}

func write(t *testing.T, name, content string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// testDeb is a real package: plabtest 1.0 for all architectures.
func testDeb(t testing.TB) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "plabtest_1.0_all.deb"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
