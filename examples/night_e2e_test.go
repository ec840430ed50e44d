//go:build e2e

package examples_test

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// The flags that the files are compared with are those that patchlab has.
func TestE2ENightFlags(t *testing.T) {
	patchlab := "../bin/patchlab"
	if path := os.Getenv("PATCHLAB"); path != "" {
		patchlab = path
	}
	for command, flags := range flagsOf {
		out, err := exec.Command(patchlab, append(strings.Fields(command), "--help")...).Output()
		if err != nil {
			t.Errorf("%s: %v", command, err)
			continue
		}
		var have []string
		for _, m := range aFlag.FindAllStringSubmatch(string(out), -1) {
			have = append(have, m[1])
		}
		for _, flag := range flags {
			if !slices.Contains(have, flag) {
				t.Errorf("patchlab %s has no --%s", command, flag)
			}
		}
	}
}
