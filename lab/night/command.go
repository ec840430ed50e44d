package night

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/patchlab/patchlab/lab"
)

const (
	maxRecord = 64 << 20 // bytes that are taken of standard output
	maxLog    = 8 << 20  // bytes of standard error that are kept
	// patience is how long a command that is to end may clean up.
	patience = 90 * time.Second
)

// Command runs each job as a process of its own, `patchlab test`, which prints
// the run record. It dies with this process, however that ends.
type Command struct {
	// Argv is the program and what comes first, Args the flags that follow:
	// the command is Argv, Args, "--", the lab's folder, the patch.
	Argv, Args []string
	// LogDir is where what commands say is kept, a file for each lab and
	// patch, until the next time; made when it is missing. Of commands that
	// went well nothing is kept.
	LogDir   string
	Env      []string      // nil: this process's
	Patience time.Duration // that a command may take to clean up; 0: 90 s
}

// RunJob implements Runner.
func (c *Command) RunJob(ctx context.Context, j Job) Outcome {
	// The kernel sends Pdeathsig when the thread ends that started the
	// command, not the process: so this goroutine keeps its thread.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	record, said := &bounded{most: maxRecord}, openLog(c.logPath(j))
	cmd := exec.CommandContext(ctx, c.Argv[0], slices.Concat(c.Argv[1:], c.Args, []string{"--", j.LabDir, j.Arg})...) //nolint:gosec // the caller's own program
	cmd.Env, cmd.Stdout, cmd.Stderr = c.Env, record, said
	// A group of its own: the terminal's Ctrl-C reaches the night alone, which
	// then ends its commands in order, each once.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	if cmd.WaitDelay = c.Patience; cmd.WaitDelay <= 0 {
		cmd.WaitDelay = patience
	}
	err := cmd.Start()
	if err == nil {
		err = cmd.Wait()
		// Whatever of the group outlived its leader; mostly nothing. While any
		// of it lives, the kernel gives its number to nobody else.
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
	o := conclude(j, exitOf(cmd.ProcessState, err), record, said.tail)
	o.Log = said.close(o.Code != codeOK)
	return o
}

// logPath is where what the command of j says is kept: always the same file,
// so that nights do not fill the disk. Nobody else writes it, as a night holds
// the lab's lock.
func (c *Command) logPath(j Job) string {
	safe := func(r rune) rune {
		if r < 0x80 && (r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z') {
			return r
		}
		return '_'
	}
	short := func(s string) string { return strings.Map(safe, s)[:min(len(strings.Map(safe, s)), 40)] }
	name := short(j.title()) + "-" + short(j.Patch) + "-" + labID(j.LabDir + "\x00" + j.Arg)[:12] + ".log"
	if j.Lab == "" {
		name = labID(j.LabDir + "\x00" + j.Arg)[:12] + ".log"
	}
	return filepath.Join(c.LogDir, name)
}

// exit is how a command ended.
type exit struct {
	code   int
	signal string // that it died by; empty: it ended by itself
	err    error  // why it could not be started
}

func exitOf(ps *os.ProcessState, err error) exit {
	if ps == nil {
		return exit{code: codeInconclusive, err: err}
	}
	if w, ok := ps.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		return exit{code: codeInconclusive, signal: w.Signal().String()}
	}
	return exit{code: ps.ExitCode()}
}

// said is how a command ended, in words.
func (e exit) said() string {
	switch {
	case e.err != nil:
		return "the command could not be started: " + e.err.Error()
	case e.signal != "":
		return "the command died: " + e.signal
	}
	return fmt.Sprintf("the command ended with code %d", e.code)
}

// conclude makes the outcome of what a command printed and how it ended.
func conclude(j Job, e exit, record *bounded, tail []byte) Outcome {
	rec, problem := decode(record)
	line, crashed := lastWord(tail)
	if rec != nil {
		return concluded(j, e, rec, line)
	}
	o := Outcome{Code: e.code}
	switch {
	case e.err == nil && e.signal == "" && !crashed && slices.Contains([]int{codeBroken, codeInconclusive, codeBusy, codeInterrupted}, e.code):
		if o.Reason = line; line == "" {
			o.Reason = e.said() + " and said nothing"
		}
	case crashed:
		o.Code, o.Reason = codeInconclusive, line
	case e.err != nil:
		o.Code, o.Reason = codeInconclusive, e.said()
	default:
		o.Code, o.Reason = codeInconclusive, join(e.said()+", "+problem.Error(), line)
	}
	o.Reason = lab.Printable(o.Reason, maxReason)
	return o
}

// concluded makes the outcome of a run record.
func concluded(j Job, e exit, rec *lab.Record, line string) Outcome {
	o := Outcome{
		Code: codeOf(rec.Verdict), Verdict: rec.Verdict, Reason: lab.Printable(rec.Reason, maxReason),
		Run: rec.Run, Dir: rec.Dir,
		Job: Job{SHA256: rec.Patch.SHA256, Definition: rec.Definition.SHA256},
	}
	switch {
	case e.code != o.Code || e.signal != "":
		o.Code = e.code
		o.Reason = lab.Printable(join(o.Reason+"; "+e.said(), line), maxReason)
	case j.Shared:
		if why, idle := isIdle(rec); idle {
			o.Code, o.Skipped = codeOK, why
		}
	}
	return o
}

var (
	errNoRecord  = errors.New("without a run record")
	errTooLong   = fmt.Errorf("and printed more than the %d MiB that a run record may have", maxRecord>>20)
	errBadRecord = errors.New("and printed something else than one run record")
)
