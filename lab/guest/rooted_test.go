package guest

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/patchlab/patchlab/lab"
)

// rooted is a machine whose scripts run for real, but with paths below a
// folder of the test and with its commands before those of this host.
type rooted struct {
	*Guest
	t    *testing.T
	root string
}

func newRooted(t *testing.T) *rooted {
	t.Helper()
	r := &rooted{Guest: newServer(t).guest(nil), t: t, root: filepath.Join(t.TempDir(), "a 'root'")}
	r.Guest.root = r.root
	t.Setenv("PATH", r.path("/bin")+":"+os.Getenv("PATH"))
	t.Setenv("ROOT", r.root) // for the commands
	r.folder("/bin")
	return r
}

func (r *rooted) path(name string) string { return filepath.Join(r.root, name) }

func (r *rooted) folder(name string) {
	r.t.Helper()
	if err := os.MkdirAll(r.path(name), 0o700); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rooted) file(name, content string) {
	r.t.Helper()
	r.folder(filepath.Dir(name))
	if err := os.WriteFile(r.path(name), []byte(content), 0o700); err != nil {
		r.t.Fatal(err)
	}
}

// command puts a shell script before the host's command of that name.
func (r *rooted) command(name, script string) { r.file("/bin/"+name, "#!/bin/sh\n"+script+"\n") }

// read returns a file's content, empty when it is not there.
func (r *rooted) read(name string) string {
	r.t.Helper()
	b, err := os.ReadFile(r.path(name))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		r.t.Fatal(err)
	}
	return string(b)
}

func (r *rooted) exists(name string) bool {
	_, err := os.Lstat(r.path(name))
	return err == nil
}

// wantFault checks for a *lab.GuestError with this text.
func wantFault(t *testing.T, err error, want string) {
	t.Helper()
	if _, ok := errors.AsType[*lab.GuestError](err); !ok || err.Error() != want {
		t.Errorf("error %T %v, want %s", err, err, want)
	}
}
