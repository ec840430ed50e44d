package lab_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/patchlab/patchlab/lab"
)

// A full disk stops what hangs because of it at the next look, in whichever
// arm, drops the connections, and is never blamed on the patch.
func TestHostFaultEndsWhatHangs(t *testing.T) {
	for _, arm := range []lab.Arm{lab.ArmPatched, lab.ArmRerun} {
		t.Run(string(arm), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.hangs = map[lab.Arm]bool{arm: true}
				w.fails = pageFails(lab.ArmPatched)
				w.unsound = map[lab.Arm]error{arm: &lab.HostError{Op: "write db's disk", Err: errors.New("no space left (hunter22)")}}
				started := time.Now()
				rec, err := w.test(t.Context(), practice())
				if err != nil {
					t.Fatal(err)
				}
				if took := time.Since(started); took > 2*time.Second {
					t.Errorf("it took %s", took)
				}
				if rec.Verdict != lab.Inconclusive || !strings.Contains(rec.Reason, "no space left ((sensitive))") {
					t.Errorf("verdict %s: %s", rec.Verdict, rec.Reason)
				}
				for _, f := range rec.Findings {
					if f.Patch || !f.Host {
						t.Errorf("finding %+v", f)
					}
				}
				if _, made := rec.Checks[0].Arms[arm]; made {
					t.Errorf("checks of an arm that was cut off: %+v", rec.Checks[0].Arms)
				}
				if w.destroyed != len(w.forked) || w.closed != 3 {
					t.Errorf("destroyed %d of %v, closed %d connections", w.destroyed, w.forked, w.closed)
				}
			})
		})
	}
}

// The control arm ends with the patched one: it is not waited for, and what it
// was doing is not recorded.
func TestHostFaultEndsTheControlArmToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.hangs = map[lab.Arm]bool{lab.ArmControl: true}
		w.unsound = map[lab.Arm]error{lab.ArmPatched: hostDied()}
		rec, err := w.test(t.Context(), practice())
		if err != nil {
			t.Fatal(err)
		}
		if _, made := rec.Checks[0].Arms[lab.ArmControl]; made || len(rec.Findings) != 1 || rec.Control.Mode != "concurrent" {
			t.Errorf("arms %v, findings %+v, control %+v", rec.Checks[0].Arms, rec.Findings, rec.Control)
		}
	})
}

// An interrupt while the patch hangs is an interrupt, whatever the host does.
func TestInterruptOfWhatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.hangs = map[lab.Arm]bool{lab.ArmPatched: true}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if _, err := w.test(ctx, practice()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if w.destroyed != 2 {
			t.Errorf("destroyed %d", w.destroyed)
		}
	})
}

const png = "\x89PNG\r\n\x1a\n"

// A lost machine is looked at in the arm where it was lost: what ails it, its
// display and the end of its console are in the record.
func TestLostMachineIsDiagnosed(t *testing.T) {
	w, l := newWorld(t), practice()
	always(l)
	w.rebootErr = map[string]error{"patched web": lost("web"), "rerun web": lost("web"), "control db": lost("db")}
	w.diagnosis = map[string]lab.Diagnosis{
		"web": {Condition: lab.Panicked, Detail: "the console ends in \x1b[31ma panic of hunter22", Screenshot: []byte(png + "picture")},
		"db":  {Condition: lab.Hung, Screenshot: []byte("<svg>")},
	}
	rec, err := w.test(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	if len(rec.Findings) != 2 {
		t.Fatalf("findings %+v", rec.Findings)
	}
	web, db := rec.Findings[0], rec.Findings[1]
	want := lab.Finding{
		Patch: true, Arm: lab.ArmPatched, Machine: "web", Condition: lab.Panicked,
		Summary: `cannot reboot machine "web": no answer; the console ends in a panic of (sensitive)`,
		Tail:    "console of web in patched: (sensitive)\n",
		Log:     "logs/console-patched-web.log", Screenshot: "logs/screen-patched-web.png",
	}
	if web != want {
		t.Errorf("got  %+v\nwant %+v", web, want)
	}
	if db.Patch || db.Arm != lab.ArmControl || db.Condition != lab.Hung || db.Screenshot != "" {
		t.Errorf("db: %+v", db)
	}
	for _, name := range []string{"console-patched-web.log", "console-control-web.log", "console-rerun-web.log", "screen-rerun-web.png", "patch-rerun-web.log"} {
		text, err := os.ReadFile(filepath.Join(rec.Dir, "logs", name))
		if err != nil || strings.Contains(string(text), "hunter22") {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
	info, err := os.Stat(filepath.Join(rec.Dir, web.Screenshot))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the picture: %v, %v", info, err)
	}
	if rec.Machines[0].Console != web.Log {
		t.Errorf("web's console is %q", rec.Machines[0].Console)
	}
}

// What the look at a lost machine shows to be this host's fault is no
// machine's.
func TestDiagnosisBlamesTheHost(t *testing.T) {
	for arm, verdict := range map[lab.Arm]lab.Verdict{lab.ArmPatched: lab.Inconclusive, lab.ArmControl: lab.Pass} {
		w, l := newWorld(t), practice()
		always(l)
		w.rebootErr = map[string]error{string(arm) + " web": lost("web")}
		w.diagnosis = map[string]lab.Diagnosis{"web": {Condition: lab.HostAtFault, Detail: "QEMU died"}}
		rec, err := w.test(t.Context(), l)
		if err != nil {
			t.Fatal(err)
		}
		if rec.Verdict != verdict {
			t.Errorf("%s: verdict %s: %s", arm, rec.Verdict, rec.Reason)
		}
		if arm == lab.ArmPatched && (!rec.Findings[0].Host || rec.Findings[0].Patch) {
			t.Errorf("finding %+v", rec.Findings[0])
		}
		if slices.Contains(w.forked, lab.ArmRerun) {
			t.Errorf("%s: a re-run although the host is at fault", arm)
		}
	}
}

// A revert that is not proven makes the run inconclusive, and names the first
// problem.
func TestReceiptThatProvesNothing(t *testing.T) {
	for name, receipt := range map[string]*lab.Receipt{
		"a marker of hunter22 is on db": {Problems: []string{"a marker of hunter22 is on db", "more"}},
		"does not say why":              {},
	} {
		w := newWorld(t)
		w.receipt, w.verify = receipt, true
		rec, err := w.test(t.Context(), practice())
		if err != nil {
			t.Fatal(err)
		}
		want := strings.ReplaceAll(name, "hunter22", "(sensitive)")
		if rec.Verdict != lab.Inconclusive || rec.Reverted || !strings.Contains(rec.Reason, want) {
			t.Errorf("verdict %s: %s", rec.Verdict, rec.Reason)
		}
		if p := rec.Receipt.Problems; len(p) > 0 && p[0] != want {
			t.Errorf("problems %q", p)
		}
		if !w.full {
			t.Error("the full comparison was asked for, and not made")
		}
	}
}

// That the refused connections cannot be told is a fault of the lab.
func TestUnknownEgress(t *testing.T) {
	w := newWorld(t)
	w.egressErr = errors.New("the agent does not answer")
	rec, err := w.test(t.Context(), practice())
	if err != nil {
		t.Fatal(err)
	}
	if rec.Verdict != lab.Inconclusive || !strings.Contains(rec.Reason, "tried to reach outside: the agent does not answer") {
		t.Errorf("verdict %s: %s", rec.Verdict, rec.Reason)
	}
}
