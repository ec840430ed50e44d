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
	changes := []lab.StateChange{
		change(lab.StatePackage, "same", "1"),
		change(lab.StatePackage, "other", "1"),
		change(lab.StateFirewall, "rule", "1"),
		change(lab.StateFile, "/etc/a", "1"),
		change(lab.StateFile, "/etc/b", "1"),
		change(lab.StateError, "message", "7"),
		{Machine: "db", Kind: lab.StateFile, Name: "/etc/a", To: "1"},
	}
	control := []lab.StateChange{
		change(lab.StatePackage, "same", "1"),
		change(lab.StatePackage, "other", "2"),
		change(lab.StateFirewall, "rule", ""),
		change(lab.StateFile, "/etc/a", "9"),
		change(lab.StateError, "message", "1"),
		change(lab.StateFile, "/etc/c", "1"),
	}
	left, noise := lab.WithoutNoise(changes, control)
	want := []lab.StateChange{changes[1], changes[2], changes[4], changes[6]}
	if d := cmp.Diff(want, left); d != "" || noise != 3 {
		t.Errorf("noise %d, want 3; -want +got\n%s", noise, d)
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
