package patch

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/guest"
)

const (
	taskPoll = 5 * time.Second
	// taskLost is how long a machine whose installer runs may be out of reach:
	// patches restart the network, and some the machine.
	taskLost = 10 * time.Minute
	// busyTries is how often an installer is started that finds another at
	// work.
	busyTries = 4
)

// program is what a task runs, as SYSTEM: Windows Update refuses network
// logons, which SSH's are.
type program struct {
	name      string // for messages
	file      string // on the machine
	arguments string // as its command line holds them
	log       string // what it writes its log to; empty: none
	update    bool   // it needs the service of Windows Update
}

// ended is how a program ended.
type ended struct {
	code   uint32
	late   bool
	fault  string // why there is no exit code; empty when there is
	output string // and its log: their ends
}

// installWindows runs p and waits until the system is at rest before and afterwards.
// It starts it again where another installation is in progress.
func (j *job) installWindows(ctx context.Context, p program) (e ended, err error) {
	for range busyTries {
		if err := j.guest.Settle(ctx, j.progress); err != nil {
			return e, err
		}
		if e, err = j.runTask(ctx, p); err != nil {
			return e, err
		}
		if e.fault != "" || e.late || meaning(e.code).class != codeBusy {
			break
		}
		j.progress.Step("another installation is in progress")
	}
	if e.code == 1641 {
		return e, nil // the machine goes down
	}
	return e, j.guest.Settle(ctx, j.progress)
}

// runTask registers a task, starts it, waits for its end, and removes it.
func (j *job) runTask(ctx context.Context, p program) (e ended, err error) {
	id := rand.Text()
	dir := j.staging.path(j.stage, "task-"+id)
	vars := []string{"task", guest.QuotePS("patchlab-" + id), "dir", guest.QuotePS(dir)}
	defer func() { err = errors.Join(err, j.stopTask(ctx, vars)) }()
	j.started = true
	j.progress.Step("starting " + p.name)
	if _, err := j.ask(ctx, windowsScript("start", append(vars,
		"seconds", strconv.Itoa(int((j.patch.Timeout+time.Minute)/time.Second)),
		"update", "$"+strconv.FormatBool(p.update),
		"runner", guest.QuotePS(j.taskRunner(p, dir)))...)); err != nil {
		return e, err
	}
	if e, err = j.awaitTask(ctx, p, windowsScript("poll", vars...)); err != nil {
		return e, err
	}
	e.output, err = j.taskLogs(ctx, dir, p.log)
	return e, err
}

// taskRunner is the script that the task runs.
func (j *job) taskRunner(p program, dir string) string {
	return windowsVars([]string{
		"stage", guest.QuotePS(j.stage), "dir", guest.QuotePS(dir),
		"file", guest.QuotePS(p.file), "arguments", guest.QuotePS(p.arguments),
	}) + windowsText("run")
}

// stopTask ends what still runs of the task and removes it, also after an
// interrupt. A task that stays is told to the log: the patch's outcome does
// not depend on it, and the instance is thrown away.
func (j *job) stopTask(ctx context.Context, vars []string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanLimit)
	defer cancel()
	out, err := j.guest.Run(ctx, lab.Command{Shell: windowsScript("stop", vars...), Timeout: cleanLimit})
	if err != nil || out.ExitCode != 0 {
		fmt.Fprintf(j.log, "patchlab: cannot remove the scheduled task %s: exit code %d, %v: %s\n", vars[1], out.ExitCode, err, out.Stderr)
	}
	return nil
}

var errRunning = errors.New("it is at work")

// awaitTask waits until the task has ended, for the patch's timeout.
func (j *job) awaitTask(ctx context.Context, p program, poll string) (e ended, err error) {
	answered := time.Now()
	gone := 0
	err = guest.Wait(ctx, guest.Waiting{
		What: fmt.Sprintf("%s on %s", p.name, j.guest.Machine().Name), Interval: taskPoll, Limit: j.patch.Timeout, Progress: j.progress,
	}, func(ctx context.Context) error {
		text, err := j.ask(ctx, poll)
		switch {
		case err != nil && time.Since(answered) > taskLost:
			return guest.Permanent(err)
		case err != nil:
			return err
		}
		answered = time.Now()
		word, rest, _ := strings.Cut(strings.TrimSpace(text), "\t")
		if word == "gone" {
			gone++ // once: it has not begun yet, or ends at this moment
		} else {
			gone = 0
		}
		switch {
		case word == "end":
			e.code, e.fault = parseEnd(rest)
		case gone > 1:
			e.fault = "it ended without an exit code: " + rest
		case word == "runs" && rest != "":
			return fmt.Errorf("%w (%s)", errRunning, lab.Printable(rest, 80))
		default:
			return errRunning
		}
		return nil
	})
	if late, ok := errors.AsType[*guest.WaitError](err); ok && ctx.Err() == nil {
		if errors.Is(late.Last, errRunning) {
			return ended{late: true}, nil
		}
		if machine, ok := errors.AsType[*lab.GuestError](late.Last); ok {
			return e, machine
		}
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return e, err
}

var exitCode = regexp.MustCompile(`^-?[0-9]{1,10}$`)

// parseEnd reads an exit code, which Windows tells as a signed number.
func parseEnd(text string) (code uint32, fault string) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || !exitCode.MatchString(text) || n < -1<<31 || n >= 1<<32 {
		return 0, text + " "
	}
	return uint32(n & 0xffffffff), ""
}

// taskLogs reads what the program printed and logged, and gives it to the log.
func (j *job) taskLogs(ctx context.Context, dir, log string) (string, error) {
	files := []string{dir + `\out.txt`, dir + `\err.txt`}
	if log != "" {
		files = append(files, log)
	}
	for i := range files {
		files[i] = guest.QuotePS(files[i])
	}
	text, err := j.ask(ctx, windowsScript("logs", "files", "@("+strings.Join(files, ", ")+")"))
	text = j.redact(text)
	_, _ = j.log.Write([]byte(text)) // its fault is the caller's to notice
	return text, err
}
