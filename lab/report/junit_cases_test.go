package report_test

import (
	"testing"

	"github.com/patchlab/patchlab/lab"
)

func TestJUnitTellsWhatFailed(t *testing.T) {
	r := wholeRecord()
	check := func(name string, s lab.Severity, c lab.Class) {
		r.Checks = append(r.Checks, lab.CheckRecord{Name: name, Severity: s, Class: c})
	}
	r.Checks = nil
	check("regression", lab.Critical, lab.ClassRegression)
	check("only a warning", lab.Warning, lab.ClassRegression)
	check("pre-existing", lab.Critical, lab.ClassPreExisting)
	check("reboot-induced", lab.Critical, lab.ClassRebootInduced)
	check("flaky", lab.Critical, lab.ClassFlaky)
	check("not-run", lab.Critical, lab.ClassNotRun)
	check("of the future", lab.Critical, "odd")
	check("fixed", lab.Critical, lab.ClassFixed)
	check("ok", lab.Critical, lab.ClassOK)
	r.Machines = append(r.Machines,
		lab.MachineRecord{Name: "a", Target: true, Outcome: &lab.PatchOutcome{Status: lab.PatchFailed, Message: "no space"}},
		lab.MachineRecord{Name: "b", Target: true, Outcome: &lab.PatchOutcome{Status: lab.NotApplicable}},
		lab.MachineRecord{Name: "db", Target: true},
		lab.MachineRecord{Name: "c", Target: true},
		lab.MachineRecord{Name: "bystander"},
	)
	_, doc := junit(t, r)
	got := map[string]string{}
	for _, c := range doc.Suites[0].Cases {
		if c.Class != "dental.booking_broken" {
			t.Errorf("%s is of class %q", c.Name, c.Class)
		}
		switch {
		case c.Failure != nil:
			got[c.Name] = "failure"
		case c.Error != nil:
			got[c.Name] = "error"
		case c.Skipped != nil:
			got[c.Name] = "skipped"
		default:
			got[c.Name] = "passed"
		}
	}
	want := map[string]string{
		"verdict": "failure", "patch on web": "passed", "patch on a": "failure", "patch on b": "skipped", "patch on db": "skipped", "patch on c": "error",
		"regression": "failure", "only a warning": "skipped", "pre-existing": "error", "reboot-induced": "error", "flaky": "error",
		"not-run": "error", "of the future": "error", "fixed": "passed", "ok": "passed",
	}
	for name, outcome := range want {
		if got[name] != outcome {
			t.Errorf("%q is %q, want %q", name, got[name], outcome)
		}
	}
	if len(got) != len(want) {
		t.Errorf("got %v", got)
	}
}
