package virt

import (
	"regexp"
	"testing"
)

func TestLibraryVersion(t *testing.T) {
	for v, want := range map[uint32]string{9_000_000: "9.0.0", 10_012_034: "10.12.34", 1_002_003: "1.2.3", 0: "0.0.0"} {
		if got := versionText(v); got != want {
			t.Errorf("%d is %s, want %s", v, got, want)
		}
	}
	if got := LibraryVersion(); !regexp.MustCompile(`^[1-9]\d*\.\d+\.\d+$`).MatchString(got) {
		t.Errorf("the library's version is %q", got)
	}
}
