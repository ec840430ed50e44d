package snapshots

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"github.com/patchlab/patchlab/lab"
)

const (
	// lockPoll is how often a lock that somebody else holds is tried again.
	lockPoll = 200 * time.Millisecond
	// useLock keeps images from being removed while an instance is made of
	// them.
	useLock = "images"
)

// lock takes a lock of the store by name and returns how to let it go. While
// somebody else holds it, p shows why, which says what is waited for.
// The file stays: removing it would let two processes hold the same lock.
func (s *Store) lock(ctx context.Context, name string, p lab.Progress, why string) (unlock func(), err error) {
	f := flock.New(filepath.Join(s.locksDir(), name), flock.SetPermissions(0o600))
	ok, err := f.TryLock()
	if err == nil && !ok {
		err = ticking(lab.Quiet(p), why, func() error {
			_, err := f.TryLockContext(ctx, lockPoll)
			return err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("cannot lock %s: %w", name, err)
	}
	return func() { _ = f.Close() }, nil
}
