package lab_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gofrs/flock"

	"github.com/patchlab/patchlab/lab"
)

func TestVerdicts(t *testing.T) {
	guestDied := &lab.GuestError{Machine: "web", Op: "reboot", Err: errors.New("no answer"), Tail: "Kernel panic"}
	tests := map[string]struct {
		world   *world
		edit    func(*lab.Lab)
		verdict lab.Verdict
		reason  string // part of it
		page    lab.Class
		patched string // machines, in order
	}{
		"good": {
			verdict: lab.Pass, reason: "applied on 2 machines", page: lab.ClassOK, patched: "db web",
		},
		"regression stops the later wave": {
			world:   &world{fails: func(c string, at moment) bool { return c == "page" && at.patched > 0 }},
			verdict: lab.Fail, reason: `check "page" passed before the patch and fails after it: status 500`,
			page: lab.ClassRegression, patched: "db",
		},
		"regression of a warning": {
			world:   &world{fails: func(c string, at moment) bool { return c == "speed" && at.patched > 0 }},
			verdict: lab.Pass, page: lab.ClassOK, patched: "db web",
		},
		"pre-existing": {
			world:   &world{fails: func(c string, _ moment) bool { return c == "page" }},
			verdict: lab.Inconclusive, reason: "fails already before the patch", page: lab.ClassPreExisting, patched: "db web",
		},
		"fixed": {
			world:   &world{fails: func(c string, at moment) bool { return c == "page" && at.patched < 2 }},
			verdict: lab.Pass, page: lab.ClassFixed, patched: "db web",
		},
		"could not be applied": {
			world:   &world{outcome: map[string]lab.PatchOutcome{"db": {Status: lab.PatchFailed, Message: "postinst exited with 1"}}},
			verdict: lab.Fail, reason: `could not be applied on "db": postinst exited with 1`, page: lab.ClassOK, patched: "db",
		},
		"nothing to do anywhere": {
			world: &world{outcome: map[string]lab.PatchOutcome{
				"db": {Status: lab.NotApplicable, Message: "no apache2"}, "web": {Status: lab.AlreadyInstalled, Message: "2.4.1"},
			}},
			verdict: lab.Inconclusive, reason: "nothing was changed on any machine", page: lab.ClassOK, patched: "db web",
		},
		"applicable on one only": {
			world:   &world{outcome: map[string]lab.PatchOutcome{"db": {Status: lab.NotApplicable, Message: "no apache2"}}},
			verdict: lab.Pass, reason: "applied on 1 machine,", page: lab.ClassOK, patched: "db web",
		},
		"does not come back from its reboot": {
			world: &world{
				pending: map[string]string{"web": "new kernel"}, rebootErr: map[string]error{"patched web": guestDied, "rerun web": guestDied},
				fails: func(c string, at moment) bool { return c == "page" && at.patched == 2 },
			},
			verdict: lab.Fail, reason: `cannot reboot machine "web": no answer`, page: lab.ClassRegression, patched: "db web",
		},
		"connection lost while patching": {
			world:   &world{applyErr: map[string]error{"db": &lab.GuestError{Machine: "db", Op: "patch", Err: errors.New("connection lost")}}},
			verdict: lab.Fail, reason: "connection lost", page: lab.ClassOK, patched: "db",
		},
		"connection lost before the patch is begun": {
			world:   &world{beforeStart: true, applyErr: map[string]error{"db": &lab.GuestError{Machine: "db", Op: "reach", Err: errors.New("connection lost")}}},
			verdict: lab.Inconclusive, reason: "connection lost", page: lab.ClassNotRun, patched: "db",
		},
		"connection lost in a later wave before the patch is begun": {
			world:   &world{beforeStart: true, applyErr: map[string]error{"web": &lab.GuestError{Machine: "web", Op: "reach", Err: errors.New("connection lost")}}},
			verdict: lab.Inconclusive, reason: "connection lost", page: lab.ClassNotRun, patched: "db web",
		},
		"QEMU is killed after the patch, unnoticed by the checks": {
			world:   &world{unsound: map[lab.Arm]error{lab.ArmPatched: &lab.HostError{Op: "go on", Err: errors.New("QEMU died")}}},
			verdict: lab.Inconclusive, reason: "QEMU died", page: lab.ClassNotRun, patched: "db",
		},
		"QEMU is killed after the patch": {
			world: &world{
				unsound: map[lab.Arm]error{lab.ArmPatched: &lab.HostError{Op: "go on", Err: errors.New("QEMU died")}},
				fails:   func(_ string, at moment) bool { return at.patched > 0 },
			},
			verdict: lab.Inconclusive, reason: "QEMU died", page: lab.ClassNotRun, patched: "db",
		},
		"host fault while patching": {
			world:   &world{applyErr: map[string]error{"db": &lab.HostError{Op: "read the patch", Err: errors.New("input/output error")}}},
			verdict: lab.Inconclusive, reason: "input/output error", page: lab.ClassNotRun, patched: "db",
		},
		"a machine does not boot": {
			world:   &world{bootErr: map[string]error{"db": &lab.GuestError{Machine: "db", Op: "boot", Err: errors.New("no bootable device")}}},
			verdict: lab.Inconclusive, reason: `cannot boot machine "db": no bootable device`, page: lab.ClassNotRun,
		},
		"set-up fails": {
			world:   &world{runExit: map[string]int{"create tables": 2}},
			verdict: lab.Inconclusive, reason: `cannot set up machine "db"`, page: lab.ClassNotRun,
		},
		"not destroyed": {
			world:   &world{destroyErr: errors.New("QEMU 4711 does not end")},
			verdict: lab.Inconclusive, reason: "QEMU 4711 does not end", page: lab.ClassOK, patched: "db web",
		},
		"files change during the run": {
			world:   &world{pinChanges: true},
			verdict: lab.Inconclusive, reason: "changed while it was tested", page: lab.ClassOK, patched: "db web",
		},
		"no checks": {
			edit:    func(l *lab.Lab) { l.Checks = nil },
			verdict: lab.Inconclusive, reason: "no checks", patched: "db web",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := tt.world
			if w == nil {
				w = &world{}
			}
			w.in(t)
			l := practice()
			if tt.edit != nil {
				tt.edit(l)
			}
			rec, err := w.test(t.Context(), l)
			if err != nil {
				t.Fatal(err)
			}
			if rec.Verdict != tt.verdict || !strings.Contains(rec.Reason, tt.reason) {
				t.Errorf("verdict %s: %s\nwant %s: …%s…", rec.Verdict, rec.Reason, tt.verdict, tt.reason)
			}
			if len(rec.Checks) > 0 && rec.Checks[0].Class != tt.page {
				t.Errorf("the page's class is %s, want %s", rec.Checks[0].Class, tt.page)
			}
			if got := strings.Join(w.applied[lab.ArmPatched], " "); got != tt.patched {
				t.Errorf("patched %q, want %q", got, tt.patched)
			}
			if w.destroyed != len(w.forked) || rec.Reverted != (w.destroyErr == nil) {
				t.Errorf("destroyed %d of %v, reverted %v", w.destroyed, w.forked, rec.Reverted)
			}
		})
	}
}

func TestRecordIsKeptWithoutSecrets(t *testing.T) {
	w := newWorld(t)
	w.fails = func(_ string, at moment) bool { return at.patched > 1 }
	rec, err := w.test(t.Context(), practice())
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(rec.Dir, "run.json"))
	if err != nil {
		t.Fatal(err)
	}
	var back lab.Record
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if back.Verdict != lab.Fail || back.Run != rec.Run || len(back.Phases) == 0 || len(back.Egress) != 1 {
		t.Errorf("run.json holds %+v", back)
	}
	logs, err := filepath.Glob(filepath.Join(rec.Dir, "logs", "*.log"))
	if err != nil || len(logs) < 3 {
		t.Fatalf("logs: %v, %v", logs, err)
	}
	for _, path := range append(logs, filepath.Join(rec.Dir, "run.json")) {
		if b, err := os.ReadFile(path); err != nil || strings.Contains(string(b), "hunter22") {
			t.Errorf("%s holds the secret (or: %v)", path, err)
		}
	}
}

func TestRebootPolicies(t *testing.T) {
	for policy, want := range map[lab.RebootPolicy]string{
		lab.RebootAuto: "web", lab.RebootAlways: "db web", lab.RebootNever: "",
	} {
		t.Run(string(policy), func(t *testing.T) {
			w := newWorld(t)
			w.pending = map[string]string{"web": "new kernel"}
			l := practice()
			l.Patches[0].Reboot = policy
			rec, err := w.test(t.Context(), l)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(w.rebooted[lab.ArmPatched], " "); got != want {
				t.Errorf("rebooted %q, want %q", got, want)
			}
			if policy == lab.RebootAuto && rec.Machines[0].RebootReason != "new kernel" {
				t.Errorf("the record's reason is %q", rec.Machines[0].RebootReason)
			}
		})
	}
}

// A killed run's folder goes with the next run; that of a living one stays.
func TestDeadRunsAreSwept(t *testing.T) {
	w := newWorld(t)
	dead, living := filepath.Join(w.dir, "another", ".unfinished-dead"), filepath.Join(w.runs(), ".unfinished-living")
	for _, dir := range []string{dead, living} {
		if err := os.MkdirAll(filepath.Join(dir, "logs"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	lock := flock.New(filepath.Join(living, ".lock"))
	if ok, err := lock.TryLock(); !ok || err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lock.Close() }()
	if _, err := w.test(t.Context(), practice()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dead); err == nil {
		t.Error("the dead run's folder is still there")
	}
	if _, err := os.Stat(living); err != nil {
		t.Errorf("the living run's folder is gone: %v", err)
	}
}
