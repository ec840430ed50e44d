package patch

import (
	"bytes"
	"context"
	"flag"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/patchlab/patchlab/lab"
)

var updateWindows = flag.Bool("update-windows", false, "rewrite the golden scripts of Windows")

// windowsMachine is a lab.Guest that replays exchanges, in their order. What
// it is asked is compared with testdata/windows/<script>.ps1, but for random
// names.
type windowsMachine struct {
	lab.Guest
	t       *testing.T
	replay  []windowsExchange
	uploads []string // where to
	settled int
}

// windowsExchange is one command and its answer.
type windowsExchange struct {
	script string
	stdout string
	code   int
	err    error
}

var randomName = regexp.MustCompile(`[A-Z2-7]{26}`)

func (m *windowsMachine) Machine() *lab.Machine {
	return &lab.Machine{Name: "pc", Image: &lab.Image{OS: lab.Windows}}
}

func (m *windowsMachine) Run(ctx context.Context, c lab.Command) (lab.Output, error) {
	if len(m.replay) == 0 {
		m.t.Errorf("one command too many:\n%s", c.Shell)
		return lab.Output{}, context.Canceled
	}
	e := m.replay[0]
	m.replay = m.replay[1:]
	m.golden(e.script, randomName.ReplaceAllString(c.Shell, "RANDOM"))
	if ctx.Err() != nil {
		return lab.Output{ExitCode: -1}, context.Cause(ctx)
	}
	if c.Stdout != nil {
		_, _ = io.WriteString(c.Stdout, e.stdout)
	}
	return lab.Output{ExitCode: e.code, Stdout: []byte(e.stdout)}, e.err
}

func (m *windowsMachine) golden(name, text string) {
	m.t.Helper()
	file := filepath.Join("testdata", "windows", name+".ps1")
	if *updateWindows {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			m.t.Fatal(err)
		}
	}
	if want, err := os.ReadFile(file); err != nil || text != string(want) {
		m.t.Errorf("%s: error %v; got:\n%s", file, err, text)
	}
}

func (m *windowsMachine) Upload(_ context.Context, _, dst string, _ fs.FileMode, _ lab.Progress) error {
	m.uploads = append(m.uploads, randomName.ReplaceAllString(dst, "RANDOM"))
	return nil
}

func (m *windowsMachine) Settle(ctx context.Context, _ lab.Progress) error {
	m.settled++
	return context.Cause(ctx)
}

// task are the exchanges of one program that ends with code after a while.
func task(start, logs, end, printed string) []windowsExchange {
	return []windowsExchange{
		{script: start},
		{script: "poll", stdout: "runs\tTiWorker, wusa\n"},
		{script: "poll", stdout: "end\t" + end + "\n"},
		{script: logs, stdout: printed},
		{script: "stop"},
	}
}

// windowsPatch is a patch of files with these names.
func windowsPatch(t *testing.T, kind lab.PatchKind, names ...string) *lab.Patch {
	t.Helper()
	p := &lab.Patch{Name: "p", Kind: kind, Timeout: time.Hour}
	for _, name := range names {
		p.Files = append(p.Files, write(t, filepath.Join(t.TempDir(), name), "bytes"))
	}
	return p
}

// inWindows calls f with a machine that replays all, in a bubble where time
// passes at once.
func inWindows(t *testing.T, f func(t *testing.T, m *windowsMachine), parts ...[]windowsExchange) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		m := &windowsMachine{t: t}
		for _, p := range parts {
			m.replay = append(m.replay, p...)
		}
		f(t, m)
		if len(m.replay) > 0 {
			t.Errorf("commands that never came: %+v", m.replay)
		}
	})
}

// one is an exchange by itself.
func one(script, stdout string) []windowsExchange {
	return []windowsExchange{{script: script, stdout: stdout}}
}

// wantOutcome checks an outcome's status, and that its message has words.
func wantOutcome(t *testing.T, o lab.PatchOutcome, err error, status lab.PatchStatus, words string) {
	t.Helper()
	if err != nil || o.Status != status || !strings.Contains(o.Message, words) {
		t.Errorf("%s (%d, reboot %t): %s, error %v; want %s: %s", o.Status, o.ExitCode, o.RebootNeeded, o.Message, err, status, words)
	}
}

func wantBackout(t *testing.T, b lab.BackoutOutcome, err error, status lab.BackoutStatus, words string) {
	t.Helper()
	if err != nil || b.Status != status || !strings.Contains(b.Message, words) {
		t.Errorf("%+v, error %v; want %s: %s", b, err, status, words)
	}
}

// TestWindowsScriptsAreOld looks for what PowerShell 5.1 does not know.
func TestWindowsScriptsAreOld(t *testing.T) {
	files, err := filepath.Glob("windows/*.ps1")
	if err != nil || len(files) < 13 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range []string{"&&", "||", "??", "?.", "::new(", "`"} {
			if bytes.Contains(bytes.ReplaceAll(b, []byte(`\?\?`), nil), []byte(word)) {
				t.Errorf("%s holds %q", file, word)
			}
		}
		for _, pair := range []string{"()", "{}"} {
			if bytes.Count(b, []byte(pair[:1])) != bytes.Count(b, []byte(pair[1:])) {
				t.Errorf("%s: %s do not match", file, pair)
			}
		}
	}
}
