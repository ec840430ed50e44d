package lab_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/patchlab/patchlab/lab"
)

func lost(m string) error {
	return &lab.GuestError{Machine: m, Op: "reboot", Err: errors.New("no answer")}
}

func hostDied() error { return &lab.HostError{Op: "go on", Err: errors.New("QEMU died")} }

// pageFails lets the page fail in some arms from the first patch or reboot on.
func pageFails(arms ...lab.Arm) func(string, moment) bool {
	return func(c string, at moment) bool {
		return c == "page" && at.patched+at.rebooted > 0 && slices.Contains(arms, at.arm)
	}
}

// always are the policies under which every patched machine is rebooted.
func always(l *lab.Lab) { l.Patches[0].Reboot = lab.RebootAlways }

// The arms of a run: which are made, and what they mean together.
func TestArms(t *testing.T) {
	patched, control, rerun := lab.ArmPatched, lab.ArmControl, lab.ArmRerun
	tests := map[string]struct {
		world   *world
		edit    func(*lab.Lab)
		forked  string
		verdict lab.Verdict
		reason  string
		page    lab.Class
		mode    string
	}{
		"nothing to re-run": {
			world: &world{}, forked: "patched control", verdict: lab.Pass, reason: "2 of 2", page: lab.ClassOK, mode: "concurrent",
		},
		"regression, confirmed": {
			world:  &world{fails: pageFails(patched, rerun)},
			forked: "patched control rerun", verdict: lab.Fail, reason: "passed before the patch", page: lab.ClassRegression, mode: "concurrent",
		},
		"regression that does not show again": {
			world:  &world{fails: pageFails(patched)},
			forked: "patched control rerun", verdict: lab.Inconclusive,
			reason: "is flaky: failed once after the patch, passed the second time: status 500", page: lab.ClassFlaky, mode: "concurrent",
		},
		"reboot-induced": {
			world: &world{fails: pageFails(patched, control)}, edit: always,
			forked: "patched control", verdict: lab.Inconclusive, reason: "after a reboot without the patch as well", page: lab.ClassRebootInduced, mode: "concurrent",
		},
		"reboot-induced, sequential": {
			world: &world{fails: pageFails(patched, control), busy: true}, edit: always,
			forked: "patched control", verdict: lab.Inconclusive, reason: "after a reboot without the patch as well", page: lab.ClassRebootInduced, mode: "sequential",
		},
		"regression, sequential": {
			world: &world{fails: pageFails(patched, rerun), busy: true}, edit: always,
			forked: "patched control rerun", verdict: lab.Fail, reason: "passed before the patch", page: lab.ClassRegression, mode: "sequential",
		},
		"without control a reboot's doing is the patch's": {
			world: &world{fails: pageFails(patched, control, rerun), noControl: true}, edit: always,
			forked: "patched rerun", verdict: lab.Fail, reason: "passed before the patch", page: lab.ClassRegression, mode: "off",
		},
		"fails in the control arm alone": {
			world: &world{fails: pageFails(control)}, edit: always,
			forked: "patched control", verdict: lab.Pass, page: lab.ClassOK, mode: "concurrent",
		},
		"regression of a warning brings a check to light that is flaky": {
			world: &world{fails: func(c string, at moment) bool {
				return c == "speed" && at.patched > 0 || pageFails(rerun)(c, at)
			}},
			forked: "patched control rerun", verdict: lab.Inconclusive,
			reason: "passed once after the patch, failed the second time", page: lab.ClassFlaky, mode: "concurrent",
		},
		"flaky in the baseline": {
			world: &world{fails: func(c string, at moment) bool {
				return c == "page" && (at.times == 0 || at.patched > 0)
			}},
			forked: "patched control", verdict: lab.Inconclusive, reason: "failed before the patch, passed when made again", page: lab.ClassFlaky, mode: "concurrent",
		},
		"fails twice in the baseline": {
			world:  &world{fails: func(c string, at moment) bool { return c == "page" && at.arm == patched && at.times < 2 }},
			forked: "patched control", verdict: lab.Pass, page: lab.ClassFixed, mode: "concurrent",
		},
		"could not be applied, twice": {
			world:  &world{outcome: map[string]lab.PatchOutcome{"db": {Status: lab.PatchFailed, Message: "exit code 1"}}},
			forked: "patched control rerun", verdict: lab.Fail, reason: `could not be applied on "db": exit code 1`, page: lab.ClassOK, mode: "concurrent",
		},
		"could not be applied, once": {
			world:  &world{outcome: map[string]lab.PatchOutcome{"patched db": {Status: lab.PatchFailed, Message: "exit code 1"}}},
			forked: "patched control rerun", verdict: lab.Inconclusive, reason: "did not show again", page: lab.ClassOK, mode: "concurrent",
		},
		"lost, once": {
			world: &world{rebootErr: map[string]error{"patched web": lost("web")}}, edit: always,
			forked: "patched control rerun", verdict: lab.Inconclusive, reason: "did not show again", page: lab.ClassOK, mode: "concurrent",
		},
		"lost, twice": {
			world: &world{rebootErr: map[string]error{"patched web": lost("web"), "rerun web": lost("web")}}, edit: always,
			forked: "patched control rerun", verdict: lab.Fail, reason: `cannot reboot machine "web"`, page: lab.ClassOK, mode: "concurrent",
		},
		"lost without the patch as well": {
			world: &world{rebootErr: map[string]error{"web": lost("web")}, fails: pageFails(patched, control)}, edit: always,
			forked: "patched control", verdict: lab.Inconclusive, reason: "without the patch", page: lab.ClassRebootInduced, mode: "concurrent",
		},
		"lost without the patch as well, sequential": {
			world: &world{rebootErr: map[string]error{"web": lost("web")}, busy: true}, edit: always,
			forked: "patched control", verdict: lab.Inconclusive, reason: "without the patch", page: lab.ClassOK, mode: "sequential",
		},
		"lost in the control arm alone": {
			world: &world{rebootErr: map[string]error{"control db": lost("db")}}, edit: always,
			forked: "patched control", verdict: lab.Inconclusive, reason: `cannot reboot machine "db"`, page: lab.ClassOK, mode: "concurrent",
		},
		"lost in the re-run alone, beside what is confirmed": {
			world: &world{
				rebootErr: map[string]error{"rerun db": lost("db")},
				fails:     func(c string, at moment) bool { return c == "page" && at.patched == 2 },
			}, edit: always,
			forked: "patched control rerun", verdict: lab.Fail, reason: "passed before the patch", page: lab.ClassRegression, mode: "concurrent",
		},
		"the re-run cannot be forked": {
			world:  &world{fails: pageFails(patched, rerun), forkErr: map[lab.Arm]error{rerun: lost("db")}},
			forked: "patched control", verdict: lab.Inconclusive, reason: "cannot repeat what the patch would be blamed for", page: lab.ClassRegression, mode: "concurrent",
		},
		"the host fails the re-run": {
			world:  &world{outcome: map[string]lab.PatchOutcome{"db": {Status: lab.PatchFailed}}, unsound: map[lab.Arm]error{rerun: hostDied()}},
			forked: "patched control rerun", verdict: lab.Inconclusive, reason: "QEMU died", page: lab.ClassOK, mode: "concurrent",
		},
		"the re-run of a warning fails": {
			world: &world{
				fails:   func(c string, at moment) bool { return c == "speed" && at.patched > 0 },
				forkErr: map[lab.Arm]error{rerun: hostDied()},
			},
			forked: "patched control", verdict: lab.Pass, reason: "1 of 2", page: lab.ClassOK, mode: "concurrent",
		},
		"no control to be had, and nothing to excuse": {
			world:  &world{forkErr: map[lab.Arm]error{control: hostDied()}},
			forked: "patched", verdict: lab.Pass, page: lab.ClassOK, mode: "off",
		},
		"no control to be had, and something to excuse": {
			world:  &world{forkErr: map[lab.Arm]error{control: hostDied()}, fails: pageFails(patched)},
			forked: "patched", verdict: lab.Inconclusive, reason: "cannot tell what the patch does from what a reboot does", page: lab.ClassRegression, mode: "off",
		},
		"no control to be had, and the patch is refused": {
			world: &world{
				forkErr: map[lab.Arm]error{control: hostDied()},
				outcome: map[string]lab.PatchOutcome{"db": {Status: lab.PatchFailed, Message: "exit code 1"}},
			},
			forked: "patched rerun", verdict: lab.Fail, reason: "exit code 1", page: lab.ClassOK, mode: "off",
		},
		"the host fails the control arm, and there is nothing to excuse": {
			world:  &world{unsound: map[lab.Arm]error{control: hostDied()}},
			forked: "patched control", verdict: lab.Pass, page: lab.ClassOK, mode: "off",
		},
		"the host fails the sequential control arm, and a machine is lost": {
			world: &world{busy: true, unsound: map[lab.Arm]error{control: hostDied()}, rebootErr: map[string]error{"web": lost("web")}}, edit: always,
			forked: "patched control", verdict: lab.Inconclusive, reason: "QEMU died", page: lab.ClassOK, mode: "off",
		},
		"the host fails the baseline": {
			world:  &world{unsound: map[lab.Arm]error{lab.ArmBaseline: hostDied()}},
			forked: "patched", verdict: lab.Inconclusive, reason: "QEMU died", page: lab.ClassNotRun, mode: "off",
		},
		"the host fails the patched arm, where the patch was refused": {
			world: &world{
				outcome: map[string]lab.PatchOutcome{"db": {Status: lab.PatchFailed, Message: "no space left"}},
				unsound: map[lab.Arm]error{patched: hostDied()},
			},
			forked: "patched control", verdict: lab.Inconclusive, reason: "QEMU died", page: lab.ClassNotRun, mode: "concurrent",
		},
		"the host fails the patched arm, where a check was flaky before": {
			world: &world{
				fails:   func(c string, at moment) bool { return c == "page" && at.times == 0 },
				unsound: map[lab.Arm]error{patched: hostDied()},
			},
			forked: "patched control", verdict: lab.Inconclusive, reason: "QEMU died", page: lab.ClassNotRun, mode: "concurrent",
		},
		"the host fails the patched arm after its last check": {
			world:  &world{unsound: map[lab.Arm]error{patched: hostDied()}, soundFor: 2, noControl: true},
			forked: "patched", verdict: lab.Inconclusive, reason: "QEMU died", page: lab.ClassNotRun, mode: "off",
		},
		"lost in the re-run alone, of a warning": {
			world: &world{
				rebootErr: map[string]error{"rerun db": lost("db")},
				fails:     func(c string, at moment) bool { return c == "speed" && at.patched > 0 },
			}, edit: always,
			forked: "patched control rerun", verdict: lab.Inconclusive, reason: "only in the re-run", page: lab.ClassOK, mode: "concurrent",
		},
		"a machine is lost in the re-run before the patch is begun": {
			world: &world{
				fails:    pageFails(patched),
				applyErr: map[string]error{"rerun db": lost("db")}, beforeStart: true,
			},
			forked: "patched control rerun", verdict: lab.Inconclusive, reason: "cannot repeat what the patch would be blamed for", page: lab.ClassRegression, mode: "concurrent",
		},
		"the host fails the patched arm before a sequential control": {
			world:  &world{busy: true, unsound: map[lab.Arm]error{patched: hostDied()}},
			forked: "patched", verdict: lab.Inconclusive, reason: "QEMU died", page: lab.ClassNotRun, mode: "off",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w, l := tt.world, practice()
			w.in(t)
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
			if rec.Checks[0].Class != tt.page {
				t.Errorf("the page's class is %s, want %s", rec.Checks[0].Class, tt.page)
			}
			once := strings.HasSuffix(rec.Checks[0].Message, "(seen once, not confirmed)")
			if once != (tt.page == lab.ClassRegression && tt.verdict != lab.Fail) {
				t.Errorf("the page's message is %q", rec.Checks[0].Message)
			}
			if rec.Control.Mode != tt.mode || (tt.mode == "concurrent") != (rec.Control.Reason == "") {
				t.Errorf("control %+v, want %s", rec.Control, tt.mode)
			}
			var forked, ids []string
			for _, arm := range w.forked {
				forked, ids = append(forked, string(arm)), append(ids, "00c0ffee-"+string(arm))
			}
			if got := strings.Join(forked, " "); got != tt.forked {
				t.Errorf("forked %q, want %q", got, tt.forked)
			}
			if w.destroyed != len(ids) || !slices.Equal(w.proved, ids) || !slices.Equal(rec.Receipt.Instances, ids) {
				t.Errorf("destroyed %d of %v, proved %v", w.destroyed, ids, w.proved)
			}
			for _, f := range rec.Findings {
				if f.Patch && rec.Verdict != lab.Fail {
					t.Errorf("a verdict of %s blames the patch: %s", rec.Verdict, f.Summary)
				}
			}
		})
	}
}
