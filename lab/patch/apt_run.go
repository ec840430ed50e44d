package patch

import (
	"context"
	"fmt"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/guest"
)

// aptOptions keep apt to the files it is given and let it ask nothing.
var aptOptions = []string{
	"-y", "-q", "--no-install-recommends",
	"-o", "Dir::Etc::SourceList=/dev/null", "-o", "Dir::Etc::SourceParts=/dev/null",
	"-o", "Acquire::Retries=0", "-o", "APT::Sandbox::User=root",
	"-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Use-Pty=0",
	"-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold",
}

// quietEnv lets no package ask a question or restart services on its own
// account. With exactly this DEBIAN_FRONTEND, Debian's kernels also let
// themselves be removed while they run: see linux-check-removal.
func quietEnv() map[string]string {
	return map[string]string{
		"LC_ALL":                   "C",
		"DEBIAN_FRONTEND":          "noninteractive",
		"DEBCONF_NOWARNINGS":       "yes",
		"APT_LISTCHANGES_FRONTEND": "none",
		"NEEDRESTART_SUSPEND":      "1",
		"NEEDRESTART_MODE":         "l",
		"UCF_FORCE_CONFFOLD":       "1",
	}
}

// aptResult is what came of running apt.
type aptResult struct {
	out     lab.Output
	printed string
	late    bool // it did not end in time
}

// code is its exit code; -1 when it was killed.
func (r aptResult) code() int {
	if r.late {
		return -1
	}
	return r.out.ExitCode
}

// apt runs "apt-get install" with further options on files and packages, in
// one transaction. A package's name with "-" behind it is removed.
func (j *job) apt(ctx context.Context, options, what []string) (aptResult, error) {
	args := append([]string{"apt-get"}, aptOptions...)
	args = append(args, options...)
	args = append(args, "install", "--")
	args = append(args, what...)
	out, printed, late, err := j.run(ctx, lab.Command{Shell: guest.Quote(args...) + " </dev/null", Env: quietEnv()})
	return aptResult{out, printed, late}, err
}

// aptFailure says why apt failed; empty when it reports success.
func (j *job) aptFailure(r aptResult) string {
	switch {
	case r.late:
		return j.lateMessage(r.printed)
	case r.out.Signal != "":
		return fmt.Sprintf("apt-get was killed by signal %s: %s", r.out.Signal, cause(r.printed))
	case r.out.ExitCode != 0:
		return cause(r.printed)
	}
	return ""
}
