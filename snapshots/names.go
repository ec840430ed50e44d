package snapshots

import (
	"fmt"
	"path/filepath"
	"regexp"
	"time"
)

// The files of an instance's folder that more than one place knows.
const (
	specFile    = "instance.json" // agent.Spec; its presence says that all else is there
	filesFile   = "files.json"    // see fileRecord
	agentLock   = "lock"          // held by the agent for life
	newPrefix   = ".new-"         // of a journal that may not be locked yet
	partPrefix  = ".tmp-"         // of what is being made, or removed
	knownHosts  = "known_hosts"
	clientKeyID = "id_ed25519"
)

// The suffixes of a machine's files.
const (
	ramSuffix   = ".ram"      // its memory
	stateSuffix = ".state"    // its devices' state; without a RAM file, its memory too
	nvramSuffix = "-nvram.fd" // its UEFI variables
	bootSuffix  = ".console"  // what it printed until it was saved
	emptySuffix = ".empty"    // an overlay of a frozen disk that holds nothing yet
)

// validName keeps names that come from outside from leaving their folder.
var validName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)

var validID = regexp.MustCompile(`^[0-9a-f]{8}$`)

// labDir returns a lab's folder, and makes it when it is missing.
func (s *Store) labDir(name string) (string, error) {
	if !validName.MatchString(name) {
		return "", fmt.Errorf("cannot use %q as the name of a folder", name)
	}
	dir := filepath.Join(s.labsDir(), name)
	return dir, s.own.mkdir(dir)
}

// instancesDir returns the folder of a lab's instances, and makes it when it
// is missing.
func (s *Store) instancesDir(labName string) (string, error) {
	dir, err := s.labDir(labName)
	if err != nil {
		return "", err
	}
	dir = filepath.Join(dir, "instances")
	return dir, s.own.mkdir(dir)
}

// freshAge is how long a journal may be without its lock.
const freshAge = time.Minute
