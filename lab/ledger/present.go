package ledger

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// Present is l's fingerprint with all of its patches. A file that cannot be
// read is a *lab.UsageError.
func Present(l *lab.Lab) (lab.Fingerprint, error) {
	now, err := l.Fingerprint(nil)
	if err != nil {
		return now, err
	}
	// Each patch on a lab without anything else: what the machines upload is
	// not hashed again for each.
	bare := &lab.Lab{Name: l.Name, Dir: l.Dir, Secrets: l.Secrets}
	for _, p := range l.Patches {
		one, err := bare.Fingerprint(p)
		if err != nil {
			return now, err
		}
		for part, sum := range one.Parts {
			now.Parts[part] = sum
		}
	}
	now.SHA256 = sumOfParts(now.Parts)
	return now, nil
}

// sumOfParts is Fingerprint.SHA256 of parts.
func sumOfParts(parts map[string]string) string {
	lines := make([]string, 0, len(parts))
	for part, sum := range parts {
		lines = append(lines, sum+"  "+part+"\n")
	}
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(strings.Join(lines, "")))
	return hex.EncodeToString(sum[:])
}
