package agent

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/patchlab/patchlab/lab"
)

const (
	launchLimit = 2 * time.Minute
	// giveUpLimit is how long an agent that did not get ready may take to
	// clean up.
	giveUpLimit = 30 * time.Second
	readyBytes  = 64 << 10
	tailBytes   = 4 << 10
)

// Launch starts argv, a command line that ends in Main for spec, and returns
// when the agent serves. It dies with this process unless Process.Detach is
// called. Its session is its own: the terminal's Ctrl-C is for the parent to
// handle. ctx and a limit of two minutes bound the wait; on
// error no process is left.
//
// Errors: *lab.BusyError when another agent has the instance; *lab.HostError,
// with the end of the agent's log, otherwise; ctx's error.
func Launch(ctx context.Context, argv []string, spec *Spec) (*Process, error) {
	p, ready, err := spawn(argv, spec)
	if err != nil {
		return nil, &lab.HostError{Op: "start the instance's agent", Err: err}
	}
	defer func() { _ = ready.Close() }()
	waiting, cancel := context.WithTimeout(ctx, launchLimit)
	defer cancel()
	stop := context.AfterFunc(waiting, func() { _ = ready.SetReadDeadline(time.Now()) })
	defer stop()
	r, err := readReadiness(ready)
	if err == nil && r.Ready {
		return p, nil
	}
	cleanup, done := context.WithTimeout(context.WithoutCancel(ctx), giveUpLimit)
	defer done()
	stopped := p.Stop(cleanup)
	switch {
	case ctx.Err() != nil:
		return nil, errors.Join(ctx.Err(), stopped)
	case r.Busy:
		return nil, &lab.BusyError{What: fmt.Sprintf("instance %q of lab %q", spec.ID, spec.Lab), Holder: "another agent"}
	case waiting.Err() != nil:
		err = fmt.Errorf("it was not ready after %v", launchLimit)
	case r.Error != "":
		err = errors.New(r.Error)
	default:
		err = fmt.Errorf("it ended before it was ready (%s)", p.cmd.ProcessState)
	}
	return nil, &lab.HostError{
		Op:  "start the instance's agent",
		Err: errors.Join(fmt.Errorf("%w; the end of %s:\n%s", err, spec.LogPath(), tailOf(spec.LogPath())), stopped), Hint: r.Hint,
	}
}

// readReadiness reads the agent's one line.
func readReadiness(f io.Reader) (readiness, error) {
	var r readiness
	line, err := bufio.NewReader(io.LimitReader(f, readyBytes)).ReadBytes('\n')
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(line, &r)
}

// spawn starts the process. The file is where it will say that it is ready.
func spawn(argv []string, spec *Spec) (*Process, *os.File, error) {
	readyR, readyW, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = readyW.Close() }()
	child, parent, err := os.Pipe()
	if err != nil {
		return nil, nil, errors.Join(err, readyR.Close())
	}
	defer func() { _ = child.Close() }()
	// Its last words, should it panic, belong with its log.
	out, err := os.OpenFile(spec.LogPath(), os.O_WRONLY|os.O_CREATE|os.O_APPEND|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, nil, errors.Join(err, readyR.Close(), parent.Close())
	}
	defer func() { _ = out.Close() }()

	cmd := exec.Command(argv[0], argv[1:]...) //nolint:gosec // the caller's own program
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), fdsVariable+"=1")
	cmd.Stdout, cmd.Stderr = out, out
	cmd.ExtraFiles = []*os.File{child, readyW}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, nil, errors.Join(err, readyR.Close(), parent.Close())
	}
	return newProcess(cmd, spec, parent), readyR, nil
}

// tailOf returns the end of a log file, or why there is none.
func tailOf(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = f.Close() }()
	if info, err := f.Stat(); err == nil && info.Size() > tailBytes {
		_, _ = f.Seek(-tailBytes, io.SeekEnd)
	}
	b, err := io.ReadAll(io.LimitReader(f, tailBytes))
	if err != nil {
		return err.Error()
	}
	return string(b)
}
