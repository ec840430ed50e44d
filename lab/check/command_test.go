package check

import (
	"context"
	"strings"
	"testing"

	"github.com/patchlab/patchlab/lab"
)

func TestCommand(t *testing.T) {
	for _, c := range []struct {
		name    string
		spec    lab.CommandCheck
		m       *machine
		passed  bool
		message string
	}{
		{"exit code", lab.CommandCheck{}, prints("", "", 0), true, "exit code 0"},
		{"wanted exit code", lab.CommandCheck{ExitCode: 3}, prints("", "", 3), true, "exit code 3"},
		{"wrong exit code", lab.CommandCheck{}, prints("", "warning\npsql: no such database\x1b[0m\n\n", 2), false, "exit code 2, want 0: psql: no such database"},
		{"output", lab.CommandCheck{Stdout: lab.Match{Contains: "free"}}, prints("3 free slots", "", 0), true, `exit code 0, stdout contains "free"`},
		{"wrong output", lab.CommandCheck{Stdout: lab.Match{Equals: "1"}, Stderr: lab.Match{NotContains: "w"}}, prints("2\xff", "w", 0), false, `stdout is "2�", want "1"; stderr contains "w"`},
		{"everything wrong", lab.CommandCheck{Stdout: lab.Match{Contains: "x"}}, prints("", "", 1), false, `exit code 1, want 0; stdout does not contain "x"`},
		{"no output", lab.CommandCheck{Stdout: lab.Match{Regexp: "."}}, prints("", "", 0), false, `stdout does not match "."`},
		{"endless output", lab.CommandCheck{Stdout: lab.Match{NotContains: "x"}}, prints(strings.Repeat("y", maxText+1), "", 0), false, `stdout is known only in its first 1048576 bytes, so that it cannot be said not to contain "x"`},
		{"long output", lab.CommandCheck{Stdout: lab.Match{NotContains: "x"}}, prints(strings.Repeat("y", maxText), "", 0), true, `exit code 0, stdout does not contain "x"`},
	} {
		t.Run(c.name, func(t *testing.T) { want(t, make1(t, &c.spec, c.m, long), c.passed, c.message) })
	}
}

func TestCommandKilled(t *testing.T) {
	if got, w := exitFault(lab.Output{ExitCode: -1, Signal: "KILL"}, -1, nil), "killed by signal KILL, want exit code -1"; got != w {
		t.Errorf("%q, want %q", got, w)
	}
}

func TestCommandWhoseOutputStaysOpen(t *testing.T) {
	m := prints("fine", "", 0)
	run := m.run
	m.run = func(ctx context.Context, c lab.Command) (lab.Output, error) {
		out, err := run(ctx, c)
		out.Truncated = true
		return out, err
	}
	want(t, make1(t, &lab.CommandCheck{Stdout: lab.Match{NotContains: "error"}}, m, long), false,
		`stdout is known only in its first 4 bytes, so that it cannot be said not to contain "error"`)
}

func TestCommandFromGateway(t *testing.T) {
	want(t, make1(t, &lab.CommandCheck{Run: "true"}, nil, long), false, "a check of this kind can only be made from a machine")
}

func TestCommandEvidenceHoldsBothOutputs(t *testing.T) {
	res := make1(t, &lab.CommandCheck{}, prints(strings.Repeat("o", 1<<20), "why\n", 1), long)
	if !strings.HasPrefix(res.Evidence, "ooo") || !strings.HasSuffix(res.Evidence, "…\nstderr:\nwhy\n") || len(res.Evidence) > maxEvidence {
		t.Errorf("%d bytes of evidence, ending %q", len(res.Evidence), res.Evidence[len(res.Evidence)-40:])
	}
}

func TestService(t *testing.T) {
	yes, no := true, false
	for _, c := range []struct {
		name    string
		spec    lab.ServiceCheck
		stdout  string
		passed  bool
		message string
	}{
		{"active and enabled", lab.ServiceCheck{Active: &yes, Enabled: &yes}, "load=loaded\nactive=active\nenabled=enabled\nexit=0\n", true, "it's.service is active, enabled"},
		{"failed", lab.ServiceCheck{Active: &yes}, "load=loaded\nactive=failed\nenabled=enabled\nexit=0\n", false, "it's.service is failed, want active"},
		{"still starting is not active", lab.ServiceCheck{Active: &yes}, "load=loaded\nactive=activating\n", false, "it's.service is activating, want active"},
		{"still stopping is not inactive", lab.ServiceCheck{Active: &no}, "load=loaded\nactive=deactivating\n", false, "it's.service is deactivating, want inactive"},
		{"inactive as wanted", lab.ServiceCheck{Active: &no, Enabled: &no}, "load=loaded\nactive=inactive\nenabled=disabled\nexit=1\n", true, "it's.service is inactive, disabled"},
		{"not enabled", lab.ServiceCheck{Enabled: &yes}, "load=loaded\nactive=active\nenabled=masked\nexit=1\n", false, "it's.service is masked, want enabled"},
		{"enabled is unknown", lab.ServiceCheck{Enabled: &no}, "load=loaded\nactive=active\nenabled=\nexit=1\n", false, "it's.service is in an unknown state, want disabled"},
		{"no such unit", lab.ServiceCheck{Active: &no}, "load=not-found\nactive=inactive\nenabled=\nexit=1\n", false, "there is no unit it's.service"},
		{"no systemd", lab.ServiceCheck{Active: &no}, "load=\nactive=\nenabled=\nexit=127\n", false, "systemctl does not tell the state of it's.service: sh: systemctl: not found"},
		{"nothing", lab.ServiceCheck{Active: &yes}, "", false, "systemctl does not tell the state of it's.service: sh: systemctl: not found"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.spec.Unit = "it's.service"
			m := prints(c.stdout, "sh: systemctl: not found\n", 0)
			run := m.run
			m.run = func(ctx context.Context, cmd lab.Command) (lab.Output, error) {
				if !strings.Contains(cmd.Shell, `'it'\''s.service'`) {
					t.Errorf("the unit is not quoted: %s", cmd.Shell)
				}
				return run(ctx, cmd)
			}
			want(t, make1(t, &c.spec, m, long), c.passed, c.message)
		})
	}
}
