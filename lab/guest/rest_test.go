package guest

import (
	"strings"
	"testing"
	"time"
)

// idles makes sleep go on to the next of these lines of /proc/stat, and the
// processes' to their second state.
func (r *rooted) idles(lines ...string) {
	for i, line := range lines[1:] {
		r.file("/stat/"+string(rune('a'+i)), line+"\ncpu0 x\n")
	}
	r.folder("/proc")
	const next = `cd "$ROOT"; for f in stat/*; do mv "$f" proc/stat; break; done
if [ "$1" = 1 ]; then for f in proc/[0-9]*/next; do mv "$f" "${f%next}stat"; done; fi`
	r.command("sleep", next)
	r.file("/proc/stat", lines[0]+"\n")
}

func (r *rooted) process(pid, name, before, after string) {
	stat := pid + " (" + name + ") S 1 1 1 0 -1 0 0 0 0 0 "
	r.file("/proc/"+pid+"/stat", stat+before+" 0 20 0\n")
	r.file("/proc/"+pid+"/next", stat+after+" 0 20 0\n")
}

func newResting(t *testing.T) *rooted {
	r := newRooted(t)
	r.command("systemctl", "echo running")
	return r
}

func TestRest(t *testing.T) {
	r := newResting(t)
	r.idles( // user nice system idle iowait irq softirq steal
		"cpu 100 0 0 1000 0 0 0 0",
		"cpu 110 0 0 1100 0 0 0 0",    // 9 %
		"cpu 130 0 5 1130 0 0 0 0",    // 45 %: not twice in a row
		"cpu 900 0 5 1130 0 0 0 0",    // while looking who it is
		"cpu 910 0 5 1140 90 0 0 900", // waiting and stolen: 9 %
		"cpu 910 2 5 1240 90 1 1 900", // 3 %
	)
	var p steps
	why, err := r.Rest(t.Context(), time.Hour, &p)
	if why != "" || err != nil {
		t.Errorf("%q, %v", why, err)
	}
	if r.exists("/stat/e") {
		t.Error("it did not wait for the second idle time")
	}
	if got := strings.Join(p.all(), "|"); strings.Count(got, "to be idle") != 1 || !strings.Contains(got, "still busy: 45 %") {
		t.Errorf("progress %q", got)
	}
}

func TestRestGivesUp(t *testing.T) {
	r := newResting(t)
	r.idles("cpu 100 0 0 1000", "cpu 163 0 0 1037", "cpu 163 0 0 1037")
	r.process("1", "init", "5", "6")
	r.process("20", "a) S 9 9 \x1b[2Jb", "1000", "1050")
	r.process("300", "(sd-pam", "7", "7")
	why, err := r.Rest(t.Context(), 0, nil)
	if want := "still busy: 63 % (process a) S 9 9 b)"; why != want || err != nil {
		t.Errorf("%q, %v, want %q", why, err, want)
	}
}

func TestRestWithoutAClock(t *testing.T) {
	r := newResting(t)
	r.idles("cpu 100 0 0 1000", "cpu 100 0 0 1000")
	_, err := r.Rest(t.Context(), time.Hour, nil)
	wantFault(t, err, `cannot measure the load of machine "web": exit code 1: its processor time does not go on`)
}

func TestRestFailsAsSettleDoes(t *testing.T) {
	s := newServer(t)
	s.answer = answers("fail the system is in maintenance mode")
	_, err := s.guest(nil).Rest(t.Context(), time.Hour, nil)
	wantFault(t, err, `cannot settle machine "web": the system is in maintenance mode`)
}

func TestRestOfALiar(t *testing.T) {
	for _, answer := range []string{"-3", "", "idle", "101 x", "9999999999999999999999", "12x"} {
		s := newServer(t)
		s.answer = answers("ready", answer)
		if _, err := s.guest(nil).Rest(t.Context(), time.Hour, nil); err == nil || !strings.Contains(err.Error(), "unexpected answer") {
			t.Errorf("%q: error %v", answer, err)
		}
	}
}
