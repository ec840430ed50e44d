package snapshots

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/agent"
)

// fakeMachine is what can be seen of machine "web" from outside.
type fakeMachine struct {
	states  []agent.State // one after another; the last one stays
	status  error
	ssh     func(ctx context.Context) (net.Conn, error) // nil: nothing comes back
	console func(ctx context.Context) (net.Conn, error) // nil: silent
	screen  error
	wg      sync.WaitGroup
}

func (f *fakeMachine) Status(context.Context) (*agent.Status, error) {
	if f.status != nil {
		return nil, f.status
	}
	s := f.states[0]
	if len(f.states) > 1 {
		f.states = f.states[1:]
	}
	return &agent.Status{Machines: []agent.MachineStatus{{Name: "desk"}, {Name: "web", State: s}}}, nil
}

func (f *fakeMachine) Screenshot(ctx context.Context, m string) ([]byte, error) {
	if f.screen != nil {
		return nil, f.screen
	}
	return []byte("picture of " + m), ctx.Err()
}

func (f *fakeMachine) DialMachine(ctx context.Context, m string, port int) (net.Conn, error) {
	if m != "web" || port != 22 {
		return nil, fmt.Errorf("unexpected dial of %s:%d", m, port)
	}
	if f.ssh == nil {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return f.ssh(ctx)
}

func (f *fakeMachine) Console(ctx context.Context, m string) (net.Conn, error) {
	if m != "web" {
		return nil, agent.ErrUnknownMachine
	}
	if f.console == nil {
		return f.says("", false)(ctx)
	}
	return f.console(ctx)
}

// says is a stream on which text comes, and then nothing, or its end.
func (f *fakeMachine) says(text string, ends bool) func(context.Context) (net.Conn, error) {
	return func(context.Context) (net.Conn, error) {
		ours, theirs := net.Pipe()
		f.wg.Go(func() {
			for chunk := range slices.Chunk([]byte(text), 5) { // as networks do
				if _, err := theirs.Write(chunk); err != nil {
					break
				}
			}
			if ends {
				_ = theirs.Close()
			}
			_, _ = io.Copy(io.Discard, theirs)
			_ = theirs.Close()
		})
		return ours, nil
	}
}

// answers is a console that says text once it was typed on.
func (f *fakeMachine) answers(text string) func(context.Context) (net.Conn, error) {
	return func(context.Context) (net.Conn, error) {
		ours, theirs := net.Pipe()
		f.wg.Go(func() {
			key := make([]byte, 1)
			if _, err := io.ReadFull(theirs, key); err == nil && key[0] == '\n' {
				time.Sleep(5 * time.Second) // emulated
				_, _ = io.WriteString(theirs, text)
			}
			_, _ = io.Copy(io.Discard, theirs)
			_ = theirs.Close()
		})
		return ours, nil
	}
}

func fails(err error) func(context.Context) (net.Conn, error) {
	return func(context.Context) (net.Conn, error) { return nil, err }
}

// refusal is how an agent's client reports the error of a dial.
func refusal(code string) error { return &agent.APIError{Code: code, Message: "in any words"} }

var runs = []agent.State{{State: "running", PID: 42}}

const loginPrompt = "\r\nDebian GNU/Linux 12 web ttyS0\r\n\r\nweb login: "

type diagnosisCase struct {
	state   []agent.State // nil: runs
	status  error
	log     string // of the console
	ssh     func(f *fakeMachine) func(context.Context) (net.Conn, error)
	console func(f *fakeMachine) func(context.Context) (net.Conn, error)
	want    lab.Condition
	detail  string
	blind   bool // no screenshot
}

func dialFails(code string) func(*fakeMachine) func(context.Context) (net.Conn, error) {
	return func(*fakeMachine) func(context.Context) (net.Conn, error) { return fails(refusal(code)) }
}

func dialSays(text string, ends bool) func(*fakeMachine) func(context.Context) (net.Conn, error) {
	return func(f *fakeMachine) func(context.Context) (net.Conn, error) { return f.says(text, ends) }
}

func consoleAnswers(text string) func(*fakeMachine) func(context.Context) (net.Conn, error) {
	return func(f *fakeMachine) func(context.Context) (net.Conn, error) { return f.answers(text) }
}

const kernelPanic = "Kernel panic - not syncing: Attempted to kill init!\n---[ end Kernel panic ]---\n"

var diagnosisCases = map[string]diagnosisCase{
	// What QEMU does.
	"panic device":      {state: []agent.State{{State: "crashed", Reason: "panicked", PID: 42}}, log: "a\nlast\x1b[31m\n", want: lab.Panicked, detail: "its kernel panicked; its console ends with “last”"},
	"paused by panic":   {state: []agent.State{{State: "paused", Reason: "panicked", PID: 42}}, want: lab.Panicked, detail: "its kernel panicked"},
	"QEMU died":         {state: []agent.State{{State: "crashed", Reason: "failed"}}, log: kernelPanic, want: lab.HostAtFault, detail: "its QEMU died (failed); its console ends with “---[ end Kernel panic ]---”", blind: true},
	"QEMU died, why?":   {state: []agent.State{{State: "crashed"}}, want: lab.HostAtFault, detail: "its QEMU died (crashed)", blind: true},
	"disk full":         {state: []agent.State{{State: "paused", Reason: "io-error: enospc", PID: 42}}, want: lab.HostAtFault, detail: "it cannot write its disk (io-error: enospc)"},
	"suspended":         {state: []agent.State{{State: "paused", Reason: "user", PID: 42}}, want: lab.Hung, detail: "it is suspended (user)"},
	"off":               {state: []agent.State{{State: "off", Reason: "shutdown"}}, log: "reboot: Power down\n", want: lab.PoweredOff, detail: "it has shut down; its console ends with “reboot: Power down”", blind: true},
	"ending":            {state: []agent.State{{State: "running", Reason: "shutdown", PID: 42}, {State: "off"}, {State: "off", Reason: "shutdown"}}, want: lab.PoweredOff, detail: "it has shut down", blind: true},
	"destroyed":         {state: []agent.State{{State: "off", Reason: "destroyed"}}, want: lab.HostAtFault, detail: "it was ended from outside (destroyed)", blind: true},
	"off for no reason": {state: []agent.State{{State: "off"}}, want: lab.HostAtFault, detail: "it was ended from outside (off)", blind: true},
	"never started":     {state: []agent.State{{State: "absent"}}, want: lab.HostAtFault, detail: "it was ended from outside (absent)", blind: true},
	"no agent":          {status: fmt.Errorf("cannot ask: %w", agent.ErrNoAgent), want: lab.HostAtFault, detail: "the instance's agent is gone", blind: true},
	"agent ends":        {status: refusal("stopping"), want: lab.HostAtFault, detail: "the instance is being taken down", blind: true},
	"agent is at loss":  {status: refusal("failed"), want: lab.HostAtFault, detail: "it cannot be looked at: in any words", blind: true},

	// SSH.
	"SSH answers":              {ssh: dialSays("SSH-2.0-OpenSSH_9.2p1\r\n", false), want: lab.Healthy, detail: "it answers now: SSH-2.0-OpenSSH_9.2p1", blind: true},
	"SSH answers after talk":   {ssh: dialSays("welcome\r\nSSH-2.0-x\x1b[2J\r\nmore", false), want: lab.Healthy, detail: "it answers now: SSH-2.0-x", blind: true},
	"SSH answers all the same": {log: kernelPanic, ssh: dialSays("SSH-2.0-x\r\n", false), want: lab.Healthy, detail: "it answers now: SSH-2.0-x", blind: true},
	"SSH refuses":              {ssh: dialFails("connection-refused"), want: lab.SSHGone, detail: "it refuses connections to its SSH port"},
	"SSH resets":               {ssh: dialFails("connection-reset"), want: lab.SSHGone, detail: "it resets connections to its SSH port"},
	"SSH is mute":              {ssh: dialSays("", false), want: lab.SSHGone, detail: "its SSH port accepted a connection but said nothing"},
	"SSH hangs up":             {ssh: dialSays("", true), want: lab.SSHGone, detail: "its SSH port accepted a connection but said nothing"},
	"SSH is none":              {ssh: dialSays("220 mail\x07 ready\r\n", true), want: lab.SSHGone, detail: `its SSH port accepted a connection and said what is no SSH: “220 mail\x07 ready”`},
	"SSH babbles":              {ssh: dialSays(strings.Repeat("x", 64<<10), false), want: lab.SSHGone, detail: "its SSH port accepted a connection and said what is no SSH: “" + strings.Repeat("x", quoteBytes-3) + "…”"},

	// The console's last words, where SSH does not answer.
	"panic":               {log: kernelPanic, want: lab.Panicked, detail: "its kernel panicked; its console ends with “---[ end Kernel panic ]---”"},
	"panic before":        {log: kernelPanic, ssh: dialFails("connection-refused"), want: lab.SSHGone, detail: "it refuses connections to its SSH port"},
	"no disk":             {log: "SeaBIOS\nNo bootable device.\n", ssh: dialFails("host-unreachable"), want: lab.Unbootable, detail: "its firmware finds no bootable device; its console ends with “No bootable device.”"},
	"emergency mode":      {log: "You are in emergency mode\n", ssh: dialFails("connection-refused"), want: lab.Unbootable, detail: "it boots into emergency mode; its console ends with “You are in emergency mode”"},
	"no root file system": {log: "(initramfs) ", want: lab.Unbootable, detail: "its initramfs cannot find the root file system; its console ends with “(initramfs)”"},
	"boot loader is lost": {log: "grub rescue> ", ssh: dialFails("no-address"), want: lab.Unbootable, detail: "its boot loader cannot find its files; its console ends with “grub rescue>”"},

	// The console itself, where the network is silent.
	"network is silent":      {console: consoleAnswers(loginPrompt), want: lab.NetworkGone, detail: `nothing came back from its SSH port, but its console says “Debian GNU/Linux 12 web ttyS0\r\n\r\nweb login:”`},
	"nobody there":           {ssh: dialFails("host-unreachable"), console: consoleAnswers("web login: "), want: lab.NetworkGone, detail: "nobody answers for its address, but its console says “web login:”"},
	"no address":             {ssh: dialFails("no-address"), console: consoleAnswers("web login: "), want: lab.NetworkGone, detail: "it has no address, but its console says “web login:”"},
	"agent's dial times out": {ssh: dialFails("timeout"), console: consoleAnswers("# "), want: lab.NetworkGone, detail: "nothing came back from its SSH port, but its console says “#”"},
	"TCP times out":          {ssh: dialFails("connection-timeout"), console: consoleAnswers("# "), want: lab.NetworkGone, detail: "nothing came back from its SSH port, but its console says “#”"},
	"console echoes":         {console: consoleAnswers("\r\n"), want: lab.NetworkGone, detail: "nothing came back from its SSH port, but its console echoes"},
	"all is silent":          {log: "web login: ", want: lab.Hung, detail: "nothing came back from its SSH port, and its console is silent too"},
	"console hangs up":       {ssh: dialFails("host-unreachable"), console: dialSays("", true), want: lab.Hung, detail: "nobody answers for its address, and its console is silent too"},

	// Whatever else fails is not the machine's doing.
	"agent dies at dial":    {ssh: func(*fakeMachine) func(context.Context) (net.Conn, error) { return fails(agent.ErrNoAgent) }, want: lab.HostAtFault, detail: "the instance's agent is gone"},
	"dial is refused":       {ssh: dialFails("outside-lab"), want: lab.HostAtFault, detail: "it cannot be looked at: in any words"},
	"agent dies at console": {console: func(*fakeMachine) func(context.Context) (net.Conn, error) { return fails(agent.ErrNoAgent) }, want: lab.HostAtFault, detail: "the instance's agent is gone"},
}

func TestDiagnose(t *testing.T) {
	for name, tt := range diagnosisCases {
		t.Run(name, func(t *testing.T) {
			console := filepath.Join(t.TempDir(), "console.log")
			if tt.log != "" {
				if err := os.WriteFile(console, []byte(tt.log), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			synctest.Test(t, func(t *testing.T) {
				f := &fakeMachine{states: tt.state, status: tt.status}
				if f.states == nil {
					f.states = slices.Clone(runs)
				}
				if tt.ssh != nil {
					f.ssh = tt.ssh(f)
				}
				if tt.console != nil {
					f.console = tt.console(f)
				}
				start := time.Now()
				d := diagnose(t.Context(), f, "web", console)
				f.wg.Wait()
				if took := time.Since(start); took > time.Minute {
					t.Errorf("it took %s", took)
				}
				if d.Condition != tt.want || d.Detail != tt.detail {
					t.Errorf("%s: %s\nwant %s: %s", d.Condition, d.Detail, tt.want, tt.detail)
				}
				if got := bytes.Equal(d.Screenshot, []byte("picture of web")); got == tt.blind || tt.blind && d.Screenshot != nil {
					t.Errorf("screenshot is %q", d.Screenshot)
				}
			})
		})
	}
}

// A look that is cut short never blames the machine.
func TestDiagnoseCutShort(t *testing.T) {
	panicked := filepath.Join(t.TempDir(), "console.log")
	if err := os.WriteFile(panicked, []byte(kernelPanic), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		limit   time.Duration
		console string
		ssh     func(f *fakeMachine) func(context.Context) (net.Conn, error)
	}{
		{0, panicked, nil},
		{dialLook / 2, panicked, nil},
		{dialLook + consoleLook/2, "/nowhere", nil},
		{greetingLook / 2, panicked, dialSays("", false)},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := &fakeMachine{states: runs}
			if tt.ssh != nil {
				f.ssh = tt.ssh(f)
			}
			ctx, cancel := context.WithTimeout(t.Context(), tt.limit)
			defer cancel()
			start := time.Now()
			d := diagnose(ctx, f, "web", tt.console)
			f.wg.Wait()
			if d.Condition != lab.HostAtFault || !strings.Contains(d.Detail, "cut short") || d.Screenshot != nil {
				t.Errorf("after %s: %+v", tt.limit, d)
			}
			if took := time.Since(start); took > tt.limit {
				t.Errorf("it took %s, more than %s", took, tt.limit)
			}
		})
	}
}

func TestDiagnoseWithoutScreen(t *testing.T) {
	f := &fakeMachine{states: runs, ssh: fails(syscall.ECONNREFUSED), screen: errBroken}
	if d := diagnose(t.Context(), f, "web", "/nowhere"); d.Condition != lab.SSHGone || d.Screenshot != nil {
		t.Errorf("%+v", d)
	}
	if d := diagnose(t.Context(), f, "mail", "/nowhere"); d.Condition != lab.HostAtFault {
		t.Errorf("a machine that is not there: %+v", d)
	}
}

// diagnose knows a panic by what consoleEnds says of it.
func TestPanicMeaning(t *testing.T) {
	path := filepath.Join(t.TempDir(), "console.log")
	for _, end := range consoleEnds {
		if err := os.WriteFile(path, []byte(end.text), 0o600); err != nil {
			t.Fatal(err)
		}
		err := consoleVerdict(path)
		if err == nil || (err.Error() == panicMeaning) != strings.HasPrefix(end.text, "Kernel panic") {
			t.Errorf("%q means %v", end.text, err)
		}
		// What was said before a revert is of another time.
		if err := os.WriteFile(path, []byte(end.text+agent.ConsoleMark+"login:"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := consoleVerdict(path); err != nil {
			t.Errorf("%q before a revert means %v", end.text, err)
		}
	}
}

// The real client is what diagnose looks through.
func TestDiagnoseWithoutAgent(t *testing.T) {
	d := diagnose(t.Context(), agent.NewClient(filepath.Join(t.TempDir(), "s")), "web", "/nowhere")
	if d.Condition != lab.HostAtFault || d.Detail != "the instance's agent is gone" {
		t.Errorf("%+v", d)
	}
	if !errors.Is(refusal("connection-refused"), syscall.ECONNREFUSED) {
		t.Error("the agent's codes have changed")
	}
}
