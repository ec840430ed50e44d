package lab_test

import (
	"strings"
	"testing"

	"github.com/patchlab/patchlab/lab"
)

// An unexpected change that could not be seen, or not be told from what a
// reboot does, is no pass.
func TestUnseenChange(t *testing.T) {
	after := func(arm lab.Arm, machine string) func(*lab.Machine, moment) bool {
		return func(m *lab.Machine, at moment) bool {
			return at.arm == arm && m.Name == machine && at.patched+at.rebooted > 0
		}
	}
	without := func(k lab.StateKind, arm lab.Arm) func(*lab.Machine, moment, map[lab.StateKind]map[string]string) {
		return func(m *lab.Machine, at moment, items map[lab.StateKind]map[string]string) {
			if at.rebooted > 0 { // which every arm is, and the control arm at once
				items[lab.StateService]["counter.service"] = "active static"
			}
			if at.arm == arm && at.patched+at.rebooted > 0 && m.Name == "web" {
				delete(items, k)
			}
		}
	}
	for name, tt := range map[string]struct {
		world  *world
		expect []string
		soft   bool
		want   lab.Verdict
		reason string
		// warning is in a finding that has no effect on the verdict.
		warning string
	}{
		"a target, afterwards": {
			world: &world{blind: after(lab.ArmPatched, "web")},
			want:  lab.Inconclusive, reason: `unexpected changes on "web" cannot be seen: it was not looked at afterwards`,
		},
		"a target, before": {
			world: &world{blind: func(m *lab.Machine, at moment) bool {
				return at.arm == lab.ArmPatched && at.patched+at.rebooted == 0 && m.Name == "web"
			}},
			want: lab.Inconclusive, reason: `cannot be seen: it was not looked at before the patch`,
		},
		"another machine": {
			world: &world{blind: after(lab.ArmPatched, "desk")}, want: lab.Pass, warning: `unexpected changes on "desk" cannot be seen`,
		},
		"a target, where it is only told": {
			world: &world{blind: after(lab.ArmPatched, "web")}, soft: true, want: lab.Pass,
		},
		"a target, and no control arm that would make it count": {
			world: &world{blind: after(lab.ArmPatched, "web"), noControl: true}, want: lab.Pass,
		},
		"a kind": {
			world: &world{state: without(lab.StatePackage, lab.ArmPatched)}, expect: []string{"service"},
			want: lab.Inconclusive, reason: `its state of kind package was looked at only before the patch`,
		},
		"a kind that may change as it likes": {
			world: &world{state: without(lab.StatePackage, lab.ArmPatched)}, expect: []string{"service", "package:*"}, want: lab.Pass,
		},
		"a part": {
			world: &world{gaps: map[string][]string{"web": {"some files below /etc: hunter22", "disks: no"}}},
			want:  lab.Pass, warning: `on "web" may not have been seen: some files below /etc: [REDACTED] (and 1 more)`,
		},
		"a reboot's noise, where the control arm was not looked at": {
			world: &world{state: without(lab.StateBoot, lab.ArmPatched), blind: after(lab.ArmControl, "web")},
			want:  lab.Inconclusive, reason: "whether a reboot alone makes it is not known",
		},
		"a reboot's noise, of a kind the control arm was not looked at for": {
			world: &world{state: without(lab.StateService, lab.ArmControl)},
			want:  lab.Inconclusive, reason: "whether a reboot alone makes it is not known",
		},
		"no noise, and the control arm was not looked at": {
			world: &world{blind: after(lab.ArmControl, "web")}, want: lab.Pass,
		},
		"not looked at in the re-run": {
			world: &world{state: changed, blind: after(lab.ArmRerun, "web")}, expect: []string{"package"},
			want: lab.Inconclusive, reason: "seen once, not confirmed",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, l := tt.world, practice()
			w.in(t)
			w.surveyor = true
			l.Patches[0].Reboot = lab.RebootAlways
			l.Patches[0].Expect = &lab.Expect{Changes: tt.expect, Severity: lab.Critical}
			if tt.soft {
				l.Patches[0].Expect.Severity = lab.Warning
			}
			rec, err := w.test(t.Context(), l)
			if err != nil {
				t.Fatal(err)
			}
			if rec.Verdict != tt.want || !strings.Contains(rec.Reason, tt.reason) || strings.Contains(rec.Reason, "hunter22") {
				t.Errorf("%s: %s", rec.Verdict, rec.Reason)
			}
			warned := tt.warning == ""
			for _, f := range rec.Findings {
				warned = warned || f.Warning && strings.Contains(f.Summary, strings.ReplaceAll(tt.warning, "[REDACTED]", l.Redactor()("hunter22")))
				if f.Patch {
					t.Errorf("the patch is blamed: %s", f.Summary)
				}
			}
			if !warned {
				t.Errorf("no warning %q in %+v", tt.warning, rec.Findings)
			}
		})
	}
}

// A run that takes no stock cannot see an unexpected change either.
func TestUnseenWithoutSurveyor(t *testing.T) {
	w, l := newWorld(t), practice()
	l.Patches[0].Expect = &lab.Expect{Severity: lab.Critical}
	rec, err := w.test(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	if rec.Verdict != lab.Inconclusive || !strings.Contains(rec.Reason, "cannot be seen") {
		t.Errorf("%s: %s", rec.Verdict, rec.Reason)
	}
}

// Nothing is clean that nobody looked at.
func TestBackoutUnseen(t *testing.T) {
	takenOut := func(at moment) bool { return at.arm == lab.ArmPatched && at.patched == 0 && at.rebooted > 0 }
	before := func(at moment) bool { return at.arm == lab.ArmPatched && at.patched == 0 && at.rebooted == 0 }
	leaves := func(m *lab.Machine, at moment, items map[lab.StateKind]map[string]string) {
		if takenOut(at) && m.Name == "db" {
			items[lab.StatePackage]["lib:all"] = "1"
		}
	}
	lacks := func(k lab.StateKind) func(*lab.Machine, moment, map[lab.StateKind]map[string]string) {
		return func(m *lab.Machine, at moment, items map[lab.StateKind]map[string]string) {
			items[lab.StateError] = map[string]string{}
			if takenOut(at) && m.Name == "web" {
				delete(items, k)
			}
		}
	}
	for name, tt := range map[string]struct {
		world    *world
		required bool
		want     lab.BackoutResult
		reason   string
		verdict  lab.Verdict
	}{
		"after": {
			world: &world{blind: func(m *lab.Machine, at moment) bool { return takenOut(at) && m.Name == "web" }},
			want:  lab.BackoutNotTried, reason: `the state of "web" could not be compared: it was not looked at afterwards`, verdict: lab.Pass,
		},
		"after, and it is required": {
			world:    &world{blind: func(m *lab.Machine, at moment) bool { return takenOut(at) && m.Name == "web" }},
			required: true, want: lab.BackoutNotTried, reason: "could not be compared", verdict: lab.Inconclusive,
		},
		"before, of no target": {
			world: &world{blind: func(m *lab.Machine, at moment) bool { return before(at) && m.Name == "desk" }},
			want:  lab.BackoutNotTried, reason: `the state of "desk" could not be compared: it was not looked at before the patch`, verdict: lab.Pass,
		},
		"a kind": {
			world: &world{state: lacks(lab.StateService)},
			want:  lab.BackoutNotTried, reason: "its state of kind service", verdict: lab.Pass,
		},
		"a kind that does not count": {
			world: &world{state: lacks(lab.StateError)}, want: lab.BackedOutClean, reason: "as before", verdict: lab.Pass,
		},
		"what is known to be left": {
			world: &world{state: leaves, blind: func(m *lab.Machine, at moment) bool { return takenOut(at) && m.Name == "web" }},
			want:  lab.BackedOutLeaves, reason: `lib:all: new (1); the state of "web" could not be compared`, verdict: lab.Pass,
		},
		"whether a reboot left it": {
			world: &world{state: leaves, blind: func(m *lab.Machine, at moment) bool { return at.arm == lab.ArmControl && m.Name == "db" }},
			want:  lab.BackedOutLeaves, reason: "which a reboot alone may have made", verdict: lab.Pass,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, l := tt.world, practice()
			w.in(t)
			w.surveyor = true
			l.Patches[0].Backout = &lab.Backout{Required: tt.required}
			rec, err := w.test(t.Context(), l)
			if err != nil {
				t.Fatal(err)
			}
			if b := rec.Backout; b == nil || b.Result != tt.want || !strings.Contains(b.Reason, tt.reason) {
				t.Errorf("back-out: %+v", b)
			}
			if rec.Verdict != tt.verdict {
				t.Errorf("%s: %s", rec.Verdict, rec.Reason)
			}
		})
	}
}

// The record says what each machine ran before the patch.
func TestSystem(t *testing.T) {
	os := func(build, kernel string) map[string]string {
		return map[string]string{"build": build, "kernel": kernel}
	}
	linux := "Debian GNU/Linux 12 (bookworm)"
	for _, tt := range []struct {
		os     map[string]string
		nobody bool
		want   string
	}{
		{os: os(linux, "6.1.0-50-cloud-amd64 #1 SMP PREEMPT_DYNAMIC Debian 6.1.172-1"), want: linux + ", kernel 6.1.0-50-cloud-amd64"},
		{os: os("Windows Server 2019 Standard 1809 17763.5576", "10.0.17763.5576"), want: "Windows Server 2019 Standard 1809 17763.5576"},
		{os: os("", "6.1.0-50 #1 SMP"), want: "kernel 6.1.0-50"},
		{os: os(linux, ""), want: linux},
		{os: os("a\x1b[31m hunter22", ""), want: lab.Printable("a\x1b[31m "+practice().Redactor()("hunter22"), 120)},
		{os: os(strings.Repeat("ä", 200), "6.1 #1"), want: lab.Printable(strings.Repeat("ä", 200), 120)},
		{os: nil},
		{os: os(linux, ""), nobody: true},
	} {
		w, l := newWorld(t), practice()
		w.surveyor = !tt.nobody
		w.state = func(_ *lab.Machine, at moment, items map[lab.StateKind]map[string]string) {
			items[lab.StateOS] = tt.os
			if at.patched > 0 {
				items[lab.StateOS] = os("other", "")
			}
		}
		rec, err := w.test(t.Context(), l)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range rec.Machines {
			if m.System != tt.want || len(m.System) > 120 {
				t.Errorf("%q: %s is %q, want %q", tt.os, m.Name, m.System, tt.want)
			}
		}
	}
}
