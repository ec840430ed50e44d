package report_test

import (
	"encoding/json"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/patchlab/patchlab/lab"
)

// wholeRecord is a run in whose record every field says something.
func wholeRecord() *lab.Record {
	at := func(s int) time.Time { return time.Date(2026, 11, 23, 12, 15, s, 0, time.UTC) }
	hash := func(c string) string { return strings.Repeat(c, 64) }
	packages := []lab.PackageChange{{Name: "apache2", From: "2.4.57-2", To: "2.4.62-1"}}
	outcome := lab.PatchOutcome{Status: lab.Applied, Message: "apache2 2.4.57-2 → 2.4.62-1", ExitCode: 3010, Packages: packages, RebootNeeded: true}
	whole := outcome
	whole.Parts = []lab.PartOutcome{{Patch: "first", PatchOutcome: outcome}}
	whole.Parts[0].Parts = []lab.PartOutcome{{Patch: "inner", PatchOutcome: outcome}}
	change := lab.StateChange{
		Machine: "web", Kind: lab.StateFile, Name: "/etc/app.conf", From: "file 0644 root:root " + hash("a"), To: "file 0600 root:root " + hash("b"),
		Diff: "--- a\n+++ b\n@@ -1 +1 @@\n-one\n+two\n",
	}
	ok := lab.CheckResult{Passed: true, Message: "status 200", Evidence: "HTTP/1.1 200 OK", Attempts: 1, Seconds: 0.4, Samples: []float64{0.1, 0.3, 0.2}, Known: []string{"known"}}
	bad := lab.CheckResult{Message: "status 500, want 200", Evidence: "HTTP/1.1 500", Attempts: 3, Seconds: 8, Samples: []float64{0.4}, Known: []string{"known"}}
	return &lab.Record{
		Version: lab.RecordVersion, Lab: "dental", Client: "Harbour Dental", Run: "20261123-121500-ab12", Started: at(0), Seconds: 64.96,
		Patch: lab.PatchRecord{Name: "booking.broken", Kind: lab.PatchDeb, SHA256: hash("1"), Files: []lab.FileRecord{
			{Name: "apache2_2.4.62-1_amd64.deb", SHA256: hash("2"), Size: 1234, Package: "apache2", Version: "2.4.62-1", Arch: "amd64", Beside: true},
		}},
		Definition: lab.Fingerprint{Dir: "/srv/labs/dental", SHA256: hash("3"), Parts: map[string]string{`machine "web"`: "0123456789abcdef"}},
		Verdict:    lab.Fail, Reason: `check "booking page" passed before the patch and fails after it: status 500, want 200`,
		Checks: []lab.CheckRecord{
			{
				Name: "booking page", Kind: "http", From: "desk", Severity: lab.Critical, Class: lab.ClassRegression, Message: bad.Message,
				Arms: map[lab.Arm]lab.CheckResult{lab.ArmBaseline: ok, lab.ArmControl: ok, lab.ArmPatched: bad, lab.ArmRerun: bad, lab.ArmBackout: ok},
			},
			{
				Name: "mail", Kind: "smtp", From: "gateway of office", Severity: lab.Warning, Class: lab.ClassFlaky, Message: "refused",
				Arms: map[lab.Arm]lab.CheckResult{lab.ArmBaseline: ok, lab.ArmPatched: bad, lab.ArmRerun: ok},
			},
			{
				Name: "database", Kind: "tcp", From: "web", Severity: lab.Critical, Class: lab.ClassOK, Message: "connected",
				Arms: map[lab.Arm]lab.CheckResult{lab.ArmBaseline: ok, lab.ArmPatched: ok},
			},
		},
		Machines: []lab.MachineRecord{{
			Name: "web", Image: hash("4"), Target: true, Wave: 1, Outcome: &whole, Reboots: 1, RebootReason: "new kernel", Verified: true,
			Confirmed: "apache2 2.4.62-1", Stale: []string{"apache2.service"}, Console: "logs/console-patched-web.log", OS: lab.Linux,
			System: "Debian GNU/Linux 12 (bookworm), kernel 6.1.0-50", MemoryMiB: 512, CPUs: 1,
			NICs: []lab.NICRecord{{Network: "office", Address: "192.168.1.10", MAC: "52:54:00:00:00:01", Names: []string{"www"}}},
		}},
		Networks: []lab.NetworkRecord{{Name: "office", Subnet: "192.168.1.0/24", Gateway: "192.168.1.1", Domain: "harbour.lan"}},
		Phases: []lab.PhaseRecord{
			{Name: "fork", Arm: lab.ArmPatched, Machine: "web", Started: at(1), Seconds: 3.5, Error: "slow"},
			{Name: "check", Arm: lab.ArmBaseline, Machine: "web", Started: at(5), Seconds: 5.8, Error: "slow"},
		},
		Egress: []lab.EgressAttempt{{
			Machine: "web", Source: netip.MustParseAddr("192.168.1.10"), Protocol: "tcp", To: "203.0.113.7:443", Count: 2, First: at(6), Last: at(7),
		}},
		Findings: []lab.Finding{{
			Patch: true, Host: true, Warning: true, Arm: lab.ArmPatched, Machine: "web", Summary: "it panicked", Tail: "one\ntwo\n",
			Log: "logs/console-patched-web.log", Condition: lab.Panicked, Screenshot: "logs/screen-patched-web.png",
		}},
		Ready:   lab.ReadyRecord{Key: hash("5"), Built: true, Created: at(0), Memory: "fork", Seconds: 75},
		Control: lab.ControlRecord{Mode: "sequential", Reason: "memory is in use"},
		Changes: []lab.StateChange{change}, Noise: 3, Gaps: []string{"desk: no rpm"},
		Backout: &lab.BackoutRecord{
			Result: lab.BackedOutLeaves, Reason: "it leaves 1 change", Seconds: 9, Left: []lab.StateChange{change},
			Machines: []lab.BackoutMachine{{
				Name: "web", Seconds: 9,
				BackoutOutcome: lab.BackoutOutcome{Status: lab.TakenOut, Message: "apache2 2.4.62-1 → 2.4.57-2", ExitCode: 1, Packages: packages},
			}},
		},
		Trial:  true,
		Spared: []string{"db"}, Retain: &lab.Retention{Runs: 10, Days: 90}, Reverted: true,
		Receipt: lab.Receipt{
			Proven: true, Instances: []string{"63be030c"}, Nonce: true, Marker: true, Layers: true, Check: "full", Files: 15, Gone: true,
			Problems: []string{"none to speak of"}, Notes: []string{"swap is not looked at"}, Seconds: 2.9,
		},
		Dir:  "/var/lib/patchlab/runs/dental/20261123-121500-ab12",
		Tool: lab.ToolRecord{Patchlab: "v1.2.3", Accel: "kvm", Host: "spare", QEMU: "7.2.22", Libvirt: "9.0.0", Kernel: "6.1.0-50-amd64"},
	}
}

// soundRecord is a run that found nothing.
func soundRecord() *lab.Record {
	r := wholeRecord()
	r.Verdict, r.Reason, r.Run = lab.Pass, "applied on 1 machine, and 1 of 1 check pass after it", "20261123-130000-cd34"
	r.Checks, r.Findings, r.Gaps, r.Spared, r.Backout, r.Receipt.Problems = r.Checks[2:], nil, nil, nil, nil, nil
	return r
}

// spoiled is a record with text in every string, and times entries in every
// list. Kinds of things and hashes stay what they are unless all is true.
func spoiled(text string, times int, all bool) *lab.Record {
	r := wholeRecord()
	spoil(reflect.ValueOf(r).Elem(), text, times, all)
	return r
}

func spoil(v reflect.Value, text string, times int, all bool) {
	switch v.Kind() {
	case reflect.String:
		if all || v.Type() == reflect.TypeFor[string]() {
			v.SetString(text)
		}
	case reflect.Pointer:
		spoil(v.Elem(), text, times, all)
	case reflect.Slice:
		for i := range v.Len() {
			spoil(v.Index(i), text, 1, all)
		}
		for n := v.Len(); v.Len() < n*times; {
			v.Set(reflect.AppendSlice(v, v.Slice(0, n)))
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			e := reflect.New(v.Type().Elem()).Elem()
			e.Set(v.MapIndex(k))
			spoil(e, text, times, all)
			v.SetMapIndex(k, e)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && (all || !slices.Contains(fixed(), f.Name)) {
				spoil(v.Field(i), text, times, all)
			}
		}
	}
}

// fixed are fields of type string that nobody outside chooses.
func fixed() []string { return []string{"SHA256", "Key", "Image", "Memory", "Mode", "Check", "Accel"} }

// decoded is r as it comes back from JSON.
func decoded(t *testing.T, r *lab.Record) any {
	t.Helper()
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// allSaid fails when a field of v says nothing: tests would not see it.
func allSaid(t *testing.T, v reflect.Value, path string) {
	t.Helper()
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			allSaid(t, v.Elem(), path)
		}
	case reflect.Slice:
		if v.Len() > 0 {
			allSaid(t, v.Index(0), path)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if !f.IsExported() || f.Tag.Get("json") == "-" {
				continue
			}
			if v.Field(i).IsZero() && strings.Count(path, "Parts") < 2 {
				t.Errorf("%s.%s says nothing in the whole record", path, f.Name)
			}
			allSaid(t, v.Field(i), path+"."+f.Name)
		}
	}
}
