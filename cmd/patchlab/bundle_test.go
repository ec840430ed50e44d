package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/patch"
)

func TestPrintBundle(t *testing.T) {
	b := &patch.Bundle{
		Dir: "/b",
		Machines: map[string]patch.BundleMachine{
			"web":  {Install: []string{"new.deb", "lib.deb"}, Previous: []string{"old.deb"}, Missing: []string{"lib 1"}},
			"desk": {},
		},
		Files: []patch.BundleFile{
			{Name: "lib.deb", Package: "lib", PackageVersion: "2", Size: 1 << 20},
			{Name: "new.deb", Package: "app", PackageVersion: "2"},
			{Name: "old.deb", Package: "app", PackageVersion: "1"},
		},
	}
	const want = `/b: 3 packages (1.0 MiB)
  desk has all of it already
  web gets app 2, lib 2
    and back to app 1
    no way back to lib 1: no mirror has it any more
`
	var text strings.Builder
	printBundle(&text, b)
	if diff := cmp.Diff(want, text.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestBundleFolder(t *testing.T) {
	l := &lab.Lab{Dir: "/lab"}
	if got := bundleFolder(l, &lab.Patch{Name: "x", Bundle: "/own"}); got != "/own" {
		t.Errorf("got %s", got)
	}
	if got := bundleFolder(l, &lab.Patch{Name: "x"}); got != "/lab/bundles/x" {
		t.Errorf("got %s", got)
	}
}
