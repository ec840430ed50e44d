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
	makerLock   = "prepare.lock"  // held by the process that made the instance
	newPrefix   = ".new-"         // of a folder that may not be locked yet
	partPrefix  = ".tmp-"         // of an image that is being built
	knownHosts  = "known_hosts"
	clientKeyID = "id_ed25519"
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

// freshAge is how long a folder may be without its lock.
const freshAge = time.Minute
