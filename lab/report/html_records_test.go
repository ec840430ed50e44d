package report_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/patchlab/patchlab/lab"
)

// passed is a run of a large lab in which all went well: twelve machines on
// four networks, some on two, with long names.
func passed() *lab.Record {
	started := time.Date(2026, 11, 23, 2, 15, 0, 0, time.UTC)
	sum := strings.Repeat("0123456789abcdef", 4)
	r := &lab.Record{
		Version: 1, Lab: "works", Client: "Øresund Works & Sons", Run: "20261123-021500-ab12", Started: started, Seconds: 412.4,
		Patch: lab.PatchRecord{Name: "openssl-november", Kind: lab.PatchDeb, SHA256: sum, Files: []lab.FileRecord{
			{Name: "openssl_3.0.22-1_amd64.deb", SHA256: sum, Size: 1430000, Package: "openssl", Version: "3.0.22-1", Arch: "amd64"},
			{Name: "libssl3_3.0.22-1_amd64.deb", SHA256: sum, Size: 22100000, Package: "libssl3", Version: "3.0.22-1", Arch: "amd64"},
			{Name: "before/openssl_3.0.20-1_amd64.deb", SHA256: sum, Size: 900, Beside: true},
		}},
		Definition: lab.Fingerprint{Dir: "/etc/patchlab/works", SHA256: sum, Parts: map[string]string{
			`machine "web"`: "0123456789abcdef", `network "office"`: "1123456789abcdef", `check "page"`: "2123456789abcdef", `image "server"`: "3123456789abcdef",
		}},
		Verdict: lab.Pass, Reason: "applied on 6 machines, and 9 of 9 checks pass after it",
		Networks: []lab.NetworkRecord{
			{Name: "office", Subnet: "192.168.1.0/24", Gateway: "192.168.1.1", Domain: "works.lan"},
			{Name: "servers", Subnet: "10.20.0.0/16", Gateway: "10.20.0.1", Domain: "srv.works.lan"},
			{Name: "plant", Subnet: "172.16.4.0/22", Gateway: "172.16.4.1", Domain: "a-very-long-domain-name.of-the-plant.that-nobody-ever-shortened.works.example"},
			{Name: "guests", Subnet: "192.168.77.0/24", Gateway: "192.168.77.1", Domain: "guests.lab"},
		},
		Ready:   lab.ReadyRecord{Key: sum, Created: started.Add(-72 * time.Hour), Memory: "fork", Seconds: 0.2},
		Control: lab.ControlRecord{Mode: "concurrent"},
		Changes: []lab.StateChange{{Machine: "web-01", Kind: lab.StatePackage, Name: "openssl:amd64", From: "3.0.20-1", To: "3.0.22-1"}},
		Noise:   4, Reverted: true,
		Backout: &lab.BackoutRecord{
			Result: lab.BackedOutClean, Reason: "taken out within 9 s; all checks and the machines' state are as before", Seconds: 9.1,
			Machines: []lab.BackoutMachine{{Name: "web-01", Seconds: 8.4, BackoutOutcome: lab.BackoutOutcome{Status: lab.TakenOut, Message: "installed openssl 3.0.20-1"}}},
		},
		Receipt: lab.Receipt{
			Proven: true, Instances: []string{"i-7f3a", "i-80c2", "i-9911"}, Nonce: true, Marker: true, Layers: true, Check: "full", Files: 60, Gone: true, Seconds: 3.3,
			Notes: []string{"desk has no memory nonce: it was off"},
		},
		Dir:  "/var/lib/patchlab/runs/works/20261123-021500-ab12",
		Tool: lab.ToolRecord{Patchlab: "0.5.0", Accel: "kvm", Host: "spare", QEMU: "7.2.22", Libvirt: "9.0.0", Kernel: "6.1.0-50-amd64"},
	}
	names := []string{"dc", "web-01", "mail", "a-machine-whose-name-is-as-long-as-a-host-name-may-ever-be-63", "desk", "files", "erp", "db", "scada", "gw", "print", "kiosk"}
	on := [][]int{{0, 1}, {1}, {1, 0}, {0}, {0}, {0}, {1, 2}, {1}, {2}, {0, 1, 2, 3}, {0}, {3}}
	for i, name := range names {
		r.Machines = append(r.Machines, passedMachine(i, name, on[i], r.Networks, sum))
	}
	r.Checks = passedChecks(names)
	r.Phases = passedPhases(started, names)
	return r
}

func passedMachine(i int, name string, on []int, networks []lab.NetworkRecord, sum string) lab.MachineRecord {
	m := lab.MachineRecord{
		Name: name, Image: sum, OS: lab.Linux, System: "Debian GNU/Linux 12 (bookworm), kernel 6.1.0-50", MemoryMiB: 2048, CPUs: 2,
	}
	if i == 4 {
		m.OS, m.System = lab.Windows, "Microsoft Windows 11 Enterprise 24H2, build 26100.2314"
	}
	for k, n := range on {
		nic := lab.NICRecord{Network: networks[n].Name, MAC: fmt.Sprintf("52:54:00:00:%02x:%02x", i, k)}
		if i != 4 {
			nic.Address = strings.Join(append(strings.Split(networks[n].Gateway, ".")[:3], fmt.Sprint(10+i)), ".")
			nic.Names = []string{"www", "intranet", "portal"}[:i%4%3]
		}
		m.NICs = append(m.NICs, nic)
	}
	if i%2 == 1 {
		m.Target, m.Wave, m.Reboots, m.RebootReason, m.Verified = true, 1+i/6, 1, "services run what was replaced", true
		m.Confirmed = "openssl 3.0.22-1"
		m.Outcome = &lab.PatchOutcome{Status: lab.Applied, Message: "installed openssl 3.0.22-1, libssl3 3.0.22-1", Packages: []lab.PackageChange{
			{Name: "openssl:amd64", From: "3.0.20-1", To: "3.0.22-1"}, {Name: "libssl3:amd64", To: "3.0.22-1"}, {Name: "old:all", From: "1"},
		}}
	}
	return m
}

func passedChecks(names []string) (out []lab.CheckRecord) {
	for i := range 9 {
		from := names[i%len(names)]
		if i == 8 {
			from = "gateway of servers"
		}
		res := lab.CheckResult{Passed: true, Message: "status 200", Evidence: "HTTP/1.1 200 OK\n\n<h1>hello</h1>\n", Attempts: 1, Seconds: 0.4}
		c := lab.CheckRecord{
			Name: fmt.Sprintf("page %d of the intranet answers", i+1), Kind: "http", From: from, Severity: lab.Critical, Class: lab.ClassOK, Message: "status 200",
			Arms: map[lab.Arm]lab.CheckResult{lab.ArmBaseline: res, lab.ArmControl: res, lab.ArmPatched: res, lab.ArmBackout: res},
		}
		out = append(out, c)
	}
	return out
}

// passedPhases are about 200 phases.
func passedPhases(started time.Time, names []string) (out []lab.PhaseRecord) {
	add := func(arm lab.Arm, machine, name string, at, seconds float64) {
		out = append(out, lab.PhaseRecord{Name: name, Arm: arm, Machine: machine, Started: started.Add(time.Duration(at * float64(time.Second))), Seconds: seconds})
	}
	add(lab.ArmReady, "", "prepare", 0, 3)
	for i, name := range names {
		add(lab.ArmReady, name, "boot", 3, 40+float64(i))
		add(lab.ArmReady, name, "set up", 45+float64(i), 12)
		for k, arm := range []lab.Arm{lab.ArmBaseline, lab.ArmControl, lab.ArmPatched} {
			at := 80 + 40*float64(k)
			add(arm, name, "fork", at, 0.2)
			add(arm, name, "take stock", at+1, 6)
			if arm == lab.ArmBaseline {
				continue
			}
			add(arm, name, "reboot", at+30, 27)
			for n := range 6 {
				add(arm, name, "check", at+60+float64(n)*0.3, 0.2)
			}
		}
		if i%2 == 1 {
			add(lab.ArmPatched, name, "patch", 168, 20+float64(i))
		}
	}
	add(lab.ArmProof, "", "prove", 400, 12)
	return out
}

// lost is a run in which the patch broke machines, and its back-out as well.
func lost() *lab.Record {
	r := passed()
	r.Verdict, r.Reason = lab.Fail, `cannot reach machine "web-01": its kernel gave up after the reboot (and 2 more)`
	r.Machines[3].Outcome = &lab.PatchOutcome{Status: lab.PatchFailed, Message: "dpkg: error processing archive openssl_3.0.22-1_amd64.deb", ExitCode: 100}
	for i := range r.Machines[6:] {
		m := &r.Machines[6+i]
		if m.Target {
			m.Outcome, m.Wave, m.Reboots, m.Verified, m.Confirmed = nil, 0, 0, false, ""
			r.Spared = append(r.Spared, m.Name)
		}
	}
	r.Machines[1].Console = "logs/console-patched-web-01.log"
	r.Findings = []lab.Finding{
		{Warning: true, Arm: lab.ArmPatched, Machine: "mail", Summary: "the clock was set forward by 4 h"},
		{
			Patch: true, Arm: lab.ArmPatched, Machine: "web-01", Condition: lab.Panicked, Summary: "cannot reach machine \"web-01\": its kernel gave up after the reboot",
			Log: "logs/console-patched-web-01.log", Screenshot: "logs/screen-patched-web-01.png", Tail: "Kernel panic - not syncing: VFS: Unable to mount root fs",
		},
	}
	bad := lab.CheckResult{Message: "status 500, want 200", Evidence: "HTTP/1.1 500 Internal Server Error\n", Attempts: 3, Seconds: 12}
	r.Checks[4].Class, r.Checks[4].Message = lab.ClassRegression, "status 500, want 200"
	r.Checks[4].Arms[lab.ArmPatched], r.Checks[4].Arms[lab.ArmRerun] = bad, bad
	r.Checks[8].Class, r.Checks[8].Severity = lab.ClassRegression, lab.Warning
	r.Checks[5].Class, r.Checks[5].Arms = lab.ClassNotRun, nil
	r.Changes = changed().Changes
	r.Backout = changed().Backout
	r.Egress = record().Egress
	r.Phases[40].Error, r.Phases[2].Error = "the machine has not answered for 1m0s", "no space left on device"
	r.Receipt.Proven, r.Receipt.Gone, r.Reverted = false, false, false
	r.Receipt.Problems = []string{"a process of instance i-9911 is left"}
	return r
}
