package night_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/night"
)

// nightOf is set, to a folder, for the process that makes a night for a test.
const nightOf = "PATCHLAB_TEST_NIGHT_OF"

// filePast looks for the records that the script of these tests leaves.
type filePast struct{ dir string }

func (p filePast) Done(j night.Job, since time.Time) (string, lab.Verdict, bool, error) {
	path := filepath.Join(p.dir, j.Lab, strings.TrimPrefix(j.SHA256, "sha-")+".json")
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return "", "", false, nil
	}
	if err != nil {
		return "", "", false, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", "", false, err
	}
	var rec lab.Record
	// The times of files are a little behind the clock.
	if err := json.Unmarshal(text, &rec); err != nil || !info.ModTime().Add(time.Second).After(since) {
		return "", "", false, err
	}
	return rec.Run, rec.Verdict, true, nil
}

func (p filePast) Before(string, string, time.Time) (lab.Verdict, error) { return "", nil }
func (p filePast) Seconds(string) (float64, error)                       { return 0, nil }

// script stands for patchlab test: it leaves a record in the lab's folder and
// prints it; "hang" says its number into a pipe, which it holds, and hangs;
// but not when there is a file "quick".
const script = `
shift
cd "$1" || exit 3
echo "$2" >> ran
code=0 verdict=pass
case $2 in
bad) code=1 verdict=fail ;;
hang) if [ ! -e quick ]; then exec 3>pipe; echo $$ >&3; exec sleep 1000; fi ;;
esac
printf '{"version":1,"run":"run-%s","verdict":"%s","reason":"as it is","dir":"%s"}\n' "$2" "$verdict" "$PWD" | tee "$2.json"
exit $code
`

// scriptNight is a night in dir/night over labs that are folders in dir.
func scriptNight(dir string) *night.Night {
	return &night.Night{
		Dir: filepath.Join(dir, "night"), Past: filePast{dir},
		Runner: &night.Command{Argv: []string{"/bin/sh", "-c", script, "patchlab"}, LogDir: filepath.Join(dir, "logs")},
	}
}

func scriptJob(dir, labName, arg string) night.Job {
	j := job(labName, arg)
	j.LabDir = filepath.Join(dir, labName)
	return j
}

func scriptJobs(dir string) []night.Job {
	hang := scriptJob(dir, "second", "hang")
	hang.Impact = lab.ImpactLow // so it comes last
	return []night.Job{scriptJob(dir, "first", "bad"), hang}
}

// childNight is the main function of the process that is killed.
func childNight(dir string) int {
	sum, err := scriptNight(dir).Run(context.Background(), scriptJobs(dir), night.Options{Jobs: 1})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 99
	}
	return sum.Code
}

// startNight starts a night in a process of its own, and returns when it hangs
// at its second job, with the pipe that the command there holds.
func startNight(t *testing.T) (dir string, cmd *exec.Cmd, pipe *bufio.Reader) {
	t.Helper()
	dir = t.TempDir()
	for _, l := range []string{"first", "second"} {
		must(t, os.Mkdir(filepath.Join(dir, l), 0o700))
	}
	fifo := filepath.Join(dir, "second", "pipe")
	must(t, syscall.Mkfifo(fifo, 0o600))
	self, err := os.Executable()
	must(t, err)
	cmd = exec.Command(self)
	cmd.Env = append(os.Environ(), nightOf+"="+dir)
	cmd.Stderr = os.Stderr
	must(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	f, err := os.Open(fifo) // waits for the other end
	must(t, err)
	t.Cleanup(func() { f.Close() })
	pipe = bufio.NewReader(f)
	if line, err := pipe.ReadString('\n'); err != nil || line == "" {
		t.Fatalf("%q, %v", line, err)
	}
	return dir, cmd, pipe
}

func TestKilledAndResumed(t *testing.T) {
	dir, cmd, pipe := startNight(t)
	must(t, cmd.Process.Kill())
	// The command dies with the night: only then the pipe ends.
	if _, err := io.Copy(io.Discard, pipe); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if left, _ := filepath.Glob(filepath.Join(dir, "night", "*.json")); len(left) != 2 {
		t.Fatalf("it was not cut off: %v", left)
	}

	must(t, os.WriteFile(filepath.Join(dir, "second", "quick"), nil, 0o600))
	n := scriptNight(dir)
	sum, err := n.Run(t.Context(), scriptJobs(dir), night.Options{})
	must(t, err)
	if got := results(sum); got != "bad 1 fail, hang 0 pass" || !sum.Resumed || sum.Code != 1 {
		t.Errorf("got %s, %+v", got, sum)
	}
	if o := sum.Outcomes[0]; o.Skipped == "" || o.Reason != "as it is" || o.Dir != filepath.Join(dir, "first") {
		t.Errorf("got %+v", o)
	}
	for name, want := range map[string]string{"first/ran": "bad\n", "second/ran": "hang\nhang\n"} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
	noneLeft(t, n)

	// It is over: the next one is a new one.
	sum, err = n.Run(t.Context(), scriptJobs(dir)[:1], night.Options{})
	must(t, err)
	if sum.Resumed || sum.Outcomes[0].Skipped != "" {
		t.Errorf("got %+v", sum)
	}
}

// Killed after the command wrote its record and before the night noted what it
// came to.
func TestKilledBetween(t *testing.T) {
	dir, cmd, pipe := startNight(t)
	must(t, os.WriteFile(filepath.Join(dir, "second", "hang.json"),
		[]byte(`{"version":1,"run":"r","verdict":"fail"}`), 0o600))
	must(t, cmd.Process.Kill())
	_, err := io.Copy(io.Discard, pipe)
	must(t, err)
	_ = cmd.Wait()
	sum, err := scriptNight(dir).Run(t.Context(), scriptJobs(dir), night.Options{})
	must(t, err)
	if got := results(sum); got != "bad 1 fail, hang 1 fail" {
		t.Errorf("got %s", got)
	}
	if o := sum.Outcomes[1]; o.Run != "r" || o.Skipped == "" {
		t.Errorf("got %+v", o)
	}
}

func TestTwoAtOnce(t *testing.T) {
	dir, cmd, _ := startNight(t)
	n := scriptNight(dir)
	_, err := n.Run(t.Context(), scriptJobs(dir), night.Options{})
	busy, ok := errors.AsType[*lab.BusyError](err)
	if !ok || busy.What != "each of the 2 labs" || !strings.HasPrefix(busy.Holder, fmt.Sprintf("another night (pid %d since 2", cmd.Process.Pid)) {
		t.Fatalf("got %v", err)
	}
	must(t, os.Mkdir(filepath.Join(dir, "third"), 0o700))
	sum, err := n.Run(t.Context(), append(scriptJobs(dir), scriptJob(dir, "third", "good")), night.Options{})
	must(t, err)
	if got := results(sum); got != "bad 4, hang 4, good 0 pass" || sum.Code != 4 {
		t.Errorf("got %s", got)
	}
	if got := sum.Outcomes[0].Reason; !strings.HasSuffix(got, ") is at work on it") {
		t.Errorf("got %q", got)
	}
	if ran, err := os.ReadFile(filepath.Join(dir, "first", "ran")); err != nil || string(ran) != "bad\n" {
		t.Errorf("got %q, %v", ran, err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "night", "*.json")); len(left) != 2 {
		t.Errorf("the other's state: %v", left)
	}
}
