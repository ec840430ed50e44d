package lab_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/patchlab/patchlab/lab"
)

func change(kind lab.StateKind, name, to string) lab.StateChange {
	return lab.StateChange{Machine: "web", Kind: kind, Name: name, From: "0", To: to}
}

func TestWithoutNoise(t *testing.T) {
	const before, sum, sum2 = "file 0644 root:root aa", "file 0644 root:root bb", "file 0644 root:root cc"
	for _, c := range []struct {
		kind             lab.StateKind
		patched, control string
		noise            bool
	}{
		{lab.StatePackage, "1", "1", true},
		{lab.StatePackage, "1", "2", false},
		{lab.StateFirewall, "1", "", false},
		{lab.StateService, "inactive enabled", "inactive enabled", true},
		{lab.StateService, "failed enabled", "inactive enabled", false},
		{lab.StateService, "", "inactive enabled", false},
		{lab.StatePort, "nginx", "apache2", false},
		{lab.StateTimer, "inactive disabled", "inactive enabled", false},
		{lab.StateFailed, "failed", "failed", true},
		{lab.StateFile, sum, sum2, true}, // a random seed
		{lab.StateFile, "file 0666 root:root bb", sum2, false},
		{lab.StateFile, "file 0644 www-data:root bb", sum2, false},
		{lab.StateFile, "dir 0644 root:root", sum2, false},
		{lab.StateFile, "link 0777 root:root /a", "link 0777 root:root /b", false},
		{lab.StateFile, "", sum2, false},
		{lab.StateFile, "", "", true},
		{lab.StateCommand, "0 aa", "0 bb", true},
		{lab.StateCommand, "1 aa", "0 bb", false},
		{lab.StateError, "7", "1", true},
		{lab.StateDisk, "700", "100", true},
		{lab.StateDisk, "", "100", false}, // it is mounted no more
		{lab.StateMemory, "700", "100", true},
		{lab.StateBoot, "70", "100", true},
	} {
		one := lab.StateChange{Machine: "web", Kind: c.kind, Name: "x", From: before, To: c.patched}
		two := lab.StateChange{Machine: "web", Kind: c.kind, Name: "x", From: before, To: c.control}
		left, noise := lab.WithoutNoise([]lab.StateChange{one}, []lab.StateChange{two})
		if (noise == 1) != c.noise || len(left)+noise != 1 {
			t.Errorf("%s %q, in the control arm %q: %d left, %d noise", c.kind, c.patched, c.control, len(left), noise)
		}
	}
}

func TestWithoutNoiseOfOthers(t *testing.T) {
	changes := []lab.StateChange{
		change(lab.StatePackage, "a", "1"),
		{Machine: "db", Kind: lab.StatePackage, Name: "a", To: "1"},
		change(lab.StatePackage, "b", "1"), change(lab.StateService, "a", "1"),
	}
	left, noise := lab.WithoutNoise(changes, []lab.StateChange{change(lab.StatePackage, "a", "1"), change(lab.StatePackage, "c", "1")})
	if d := cmp.Diff(changes[1:], left); d != "" || noise != 1 {
		t.Errorf("noise %d, want 1; -want +got\n%s", noise, d)
	}
	if left, noise := lab.WithoutNoise(changes, nil); len(left) != len(changes) || noise != 0 {
		t.Errorf("without control: %d left, %d noise", len(left), noise)
	}
}

func TestUnexpected(t *testing.T) {
	all := []lab.StateChange{
		change(lab.StatePackage, "apache2:amd64", "1"), change(lab.StateFile, "/etc/apache2/a/b.conf", "1"), change(lab.StateFile, "/etc/passwd", "1"),
		change(lab.StatePort, "tcp [::]:80", "x"), change(lab.StateDisk, "/", "1"), change(lab.StateMemory, "used", "1"), change(lab.StateBoot, "boot", "1"),
	}
	for _, c := range []struct {
		patterns []string
		want     []lab.StateChange
	}{
		{nil, all[:4]},
		{[]string{"package", "file:/etc/apache2/*"}, all[2:4]},
		{[]string{"package:*:amd64", "file", "port:tcp [::]:80"}, nil},
		{[]string{"package:apache2", "pack", "file:*/etc*conf", "port:tcp"}, []lab.StateChange{all[0], all[2], all[3]}},
		{[]string{"package:", "file:/etc/p*d*wd", "port:*", "file:*b*"}, []lab.StateChange{all[0], all[2]}},
	} {
		got := (&lab.Expect{Changes: c.patterns}).Unexpected(all)
		if d := cmp.Diff(c.want, got, cmp.Comparer(func(a, b lab.StateChange) bool { return a == b })); d != "" && len(c.want)+len(got) > 0 {
			t.Errorf("%q: -want +got\n%s", c.patterns, d)
		}
	}
	if got := (*lab.Expect)(nil).Unexpected(all); got != nil {
		t.Errorf("nothing was said, unexpected: %v", got)
	}
}
