package snapshots

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/agent"
)

// lookout is from where a machine is looked at. It is an *agent.Client.
type lookout interface {
	Status(ctx context.Context) (*agent.Status, error)
	Screenshot(ctx context.Context, machine string) ([]byte, error)
	DialMachine(ctx context.Context, machine string, port int) (net.Conn, error)
	Console(ctx context.Context, machine string) (net.Conn, error)
}

// Limits of the looks at a machine, one after another: emulated ones take
// seconds to answer.
const (
	statusLook     = 10 * time.Second
	dialLook       = 10 * time.Second
	greetingLook   = 15 * time.Second
	consoleLook    = 10 * time.Second
	screenshotLook = 10 * time.Second
)

// quoteBytes is how much of what a machine said is quoted.
const quoteBytes = 160

// diagnose says why machine m does not do what it should, by what can be seen
// from outside. It takes up to a minute, and at most until ctx ends; a look
// that was cut short says nothing about the machine.
//
// That SSH answers outweighs all else: a machine may have printed anything to
// its console before.
func diagnose(ctx context.Context, look lookout, m, consoleLog string) lab.Diagnosis {
	state, err := machineState(ctx, look, m)
	if err != nil {
		return lab.Diagnosis{Condition: lab.HostAtFault, Detail: agentFault(err)}
	}
	d, decided := byState(state, consoleLog)
	if !decided {
		d = byAnswers(ctx, look, m, consoleLog)
	}
	if d.Condition != lab.Healthy && state.PID != 0 {
		ctx, cancel := context.WithTimeout(ctx, screenshotLook)
		defer cancel()
		if d.Screenshot, err = look.Screenshot(ctx, m); err != nil {
			d.Screenshot = nil
		}
	}
	return d
}

// agentFault is the detail of an agent that did not do what it was asked.
func agentFault(err error) string {
	switch {
	case errors.Is(err, agent.ErrNoAgent):
		return "the instance's agent is gone"
	case errors.Is(err, agent.ErrClosed):
		return "the instance is being taken down"
	}
	return "it cannot be looked at: " + lab.Printable(err.Error(), quoteBytes)
}

// machineState is what QEMU does. For a moment after its end libvirt does not
// say yet how it ended: then it is asked again.
func machineState(ctx context.Context, look lookout, m string) (agent.State, error) {
	const tries, pause = 4, 500 * time.Millisecond
	ctx, cancel := context.WithTimeout(ctx, statusLook)
	defer cancel()
	for try := 1; ; try++ {
		st, err := look.Status(ctx)
		if err != nil {
			return agent.State{}, err
		}
		k := slices.IndexFunc(st.Machines, func(s agent.MachineStatus) bool { return s.Name == m })
		if k < 0 {
			return agent.State{}, agent.ErrUnknownMachine
		}
		s := st.Machines[k].State
		if ending := s.State == "off" && s.Reason == "" || s.State == "running" && s.Reason != ""; !ending || try == tries {
			return s, nil
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return s, nil
		}
	}
}

// byState decides by what QEMU does; decided is false for a machine that runs.
func byState(s agent.State, consoleLog string) (d lab.Diagnosis, decided bool) {
	reason := s.Reason
	if reason == "" {
		reason = s.State
	}
	reason = lab.Printable(reason, quoteBytes)
	switch {
	case s.Reason == "panicked":
		d = lab.Diagnosis{Condition: lab.Panicked, Detail: panicMeaning}
	case s.State == "crashed":
		d = lab.Diagnosis{Condition: lab.HostAtFault, Detail: "its QEMU died (" + reason + ")"}
	case s.State == "paused" && strings.HasPrefix(s.Reason, "io-error"):
		d = lab.Diagnosis{Condition: lab.HostAtFault, Detail: "it cannot write its disk (" + reason + ")"}
	case s.State == "paused":
		d = lab.Diagnosis{Condition: lab.Hung, Detail: "it is suspended (" + reason + ")"}
	case s.Reason == "shutdown":
		d = lab.Diagnosis{Condition: lab.PoweredOff, Detail: "it has shut down"}
	case s.State == "off", s.State == "absent": // not by itself
		d = lab.Diagnosis{Condition: lab.HostAtFault, Detail: "it was ended from outside (" + reason + ")"}
	default:
		return lab.Diagnosis{}, false
	}
	d.Detail += lastWords(consoleLog)
	return d, true
}

// panicMeaning is the meaning in consoleEnds of a kernel that gave up.
const panicMeaning = "its kernel panicked"

// byAnswers decides by what a running machine answers: SSH, the last words on
// its console, the console itself.
func byAnswers(ctx context.Context, look lookout, m, consoleLog string) lab.Diagnosis {
	d := askSSH(ctx, look, m)
	if d.Condition == lab.Healthy || d.Condition == lab.HostAtFault {
		return d
	}
	silent := d.Condition == lab.NetworkGone
	if end := consoleVerdict(consoleLog); end != nil && ctx.Err() == nil {
		switch {
		case end.Error() != panicMeaning:
			return lab.Diagnosis{Condition: lab.Unbootable, Detail: end.Error() + lastWords(consoleLog)}
		case silent: // a kernel that answers is none that panicked
			return lab.Diagnosis{Condition: lab.Panicked, Detail: end.Error() + lastWords(consoleLog)}
		}
	}
	if silent && ctx.Err() == nil {
		d = askConsole(ctx, look, m, d.Detail)
	}
	if err := ctx.Err(); err != nil {
		return lab.Diagnosis{Condition: lab.HostAtFault, Detail: "the look at it was cut short: " + err.Error()}
	}
	return d
}

// askSSH connects to the SSH port: Healthy when it greets, SSHGone when
// something else comes back, NetworkGone when nothing does.
func askSSH(ctx context.Context, look lookout, m string) lab.Diagnosis {
	dialing, cancel := context.WithTimeout(ctx, dialLook)
	defer cancel()
	conn, err := look.DialMachine(dialing, m, sshPort)
	if err == nil {
		return askGreeting(ctx, conn)
	}
	found := func(c lab.Condition, detail string) lab.Diagnosis {
		return lab.Diagnosis{Condition: c, Detail: detail}
	}
	var refusal *agent.APIError
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return found(lab.SSHGone, "it refuses connections to its SSH port")
	case errors.Is(err, syscall.ECONNRESET):
		return found(lab.SSHGone, "it resets connections to its SSH port")
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return found(lab.NetworkGone, "nobody answers for its address")
	case errors.As(err, &refusal) && refusal.Code == agent.CodeNoAddress:
		return found(lab.NetworkGone, "it has no address")
	case errors.Is(err, syscall.ETIMEDOUT), errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), ctx.Err() != nil:
		return found(lab.NetworkGone, "nothing came back from its SSH port")
	}
	return found(lab.HostAtFault, agentFault(err))
}

// askGreeting waits for an SSH server's first words. Others may come before.
// https://www.rfc-editor.org/rfc/rfc4253#section-4.2
func askGreeting(ctx context.Context, conn net.Conn) lab.Diagnosis {
	text := listen(ctx, conn, greetingLook, "", func(text string) bool {
		_, complete := greeting(text)
		return complete
	})
	quoted := lab.Printable(strings.TrimSpace(text), quoteBytes)
	switch line, _ := greeting(text); {
	case line != "":
		return lab.Diagnosis{Condition: lab.Healthy, Detail: "it answers now: " + lab.Printable(line, quoteBytes)}
	case quoted != "":
		return lab.Diagnosis{Condition: lab.SSHGone, Detail: "its SSH port accepted a connection and said what is no SSH: “" + quoted + "”"}
	}
	return lab.Diagnosis{Condition: lab.SSHGone, Detail: "its SSH port accepted a connection but said nothing"}
}

// greeting finds the line of an SSH server's version, or "".
func greeting(text string) (line string, complete bool) {
	for l := range strings.Lines(text) {
		if strings.HasPrefix(l, "SSH-") {
			return strings.TrimSpace(l), strings.HasSuffix(l, "\n")
		}
	}
	return "", false
}

// askConsole types a newline on the serial console of a machine whose network
// is silent: a login prompt answers, a kernel at least echoes it.
func askConsole(ctx context.Context, look lookout, m, silence string) lab.Diagnosis {
	opening, cancel := context.WithTimeout(ctx, consoleLook)
	defer cancel()
	conn, err := look.Console(opening, m)
	if err != nil {
		return lab.Diagnosis{Condition: lab.HostAtFault, Detail: agentFault(err)}
	}
	text := listen(ctx, conn, consoleLook, "\n", func(text string) bool { return strings.TrimSpace(text) != "" })
	quoted := lab.Printable(strings.TrimSpace(text), quoteBytes)
	switch {
	case quoted != "":
		return lab.Diagnosis{Condition: lab.NetworkGone, Detail: silence + ", but its console says “" + quoted + "”"}
	case text != "":
		return lab.Diagnosis{Condition: lab.NetworkGone, Detail: silence + ", but its console echoes"}
	}
	return lab.Diagnosis{Condition: lab.Hung, Detail: silence + ", and its console is silent too"}
}

// listen types on conn and returns what is said there: until it is enough, too
// much, limit or ctx is over, or the other side hangs up. It closes conn.
func listen(ctx context.Context, conn net.Conn, limit time.Duration, typed string, enough func(string) bool) string {
	const tooMuch = 4 << 10
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	hangUp := func() { _ = conn.Close() }
	defer hangUp()
	defer context.AfterFunc(ctx, hangUp)()
	if typed != "" {
		_, _ = io.WriteString(conn, typed) // when it fails, reading does too
	}
	var said []byte
	for buf := make([]byte, 512); len(said) < tooMuch; {
		n, err := conn.Read(buf)
		said = append(said, buf[:n]...)
		if err != nil || enough(string(said)) {
			break
		}
	}
	return string(said)
}

// lastWords quotes the last line of a console log, as the end of a sentence;
// "" when there is none.
func lastWords(path string) string {
	f, err := os.Open(filepath.Clean(path))
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }()
	if size, err := f.Seek(0, io.SeekEnd); err == nil {
		_, _ = f.Seek(max(0, size-tailBytes), io.SeekStart)
	}
	text, err := io.ReadAll(io.LimitReader(f, tailBytes))
	text = sinceMark(text)
	if last := lastLines(text, 1); err == nil && len(last) > 0 {
		return "; its console ends with “" + lab.Printable(last[0], quoteBytes) + "”"
	}
	return ""
}
