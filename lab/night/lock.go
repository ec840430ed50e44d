package night

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/patchlab/patchlab/lab"
)

const (
	lockPoll = 50 * time.Millisecond
	// lockLimit is how long it is waited for others to take or let go of
	// their locks, which takes them moments.
	lockLimit = time.Minute
)

// labID names a lab's files.
func labID(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

// locks are the labs that a night works on.
type locks struct {
	dir  string // the night's
	held map[string]*flock.Flock
}

// lockLabs takes the locks of all labs that are free, and returns who holds
// the others, by key. On error none is held.
func lockLabs(ctx context.Context, dir string, labs []string, now time.Time) (*locks, map[string]string, error) {
	l := &locks{dir: dir, held: map[string]*flock.Flock{}}
	busy := map[string]string{}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, cannotLock(err)
	}
	err := l.exclusively(ctx, func() error {
		if err := os.MkdirAll(filepath.Join(dir, "locks"), 0o700); err != nil {
			return err
		}
		for _, key := range labs {
			if err := l.take(key, now, busy); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		return l, busy, nil
	}
	l.drop()
	if ctx.Err() != nil {
		return nil, nil, ctx.Err()
	}
	return nil, nil, cannotLock(err)
}

func cannotLock(err error) error {
	return &lab.HostError{Op: "lock the labs for the night", Err: err}
}

// exclusively calls f while no other night takes or lets go of locks.
func (l *locks) exclusively(ctx context.Context, f func() error) error {
	ctx, cancel := context.WithTimeout(ctx, lockLimit)
	defer cancel()
	all := flock.New(filepath.Join(l.dir, "lock"))
	if _, err := all.TryLockContext(ctx, lockPoll); err != nil {
		return err
	}
	return errors.Join(f(), all.Close())
}

func (l *locks) path(key string) string { return filepath.Join(l.dir, "locks", labID(key)) }

// take takes one lab's lock, or notes who holds it.
func (l *locks) take(key string, now time.Time, busy map[string]string) error {
	path := l.path(key)
	lock := flock.New(path)
	ok, err := lock.TryLock()
	if err != nil {
		return err
	}
	if !ok {
		_ = lock.Close()
		busy[key] = "another night" + holder(path)
		return nil
	}
	l.held[key] = lock
	// Only for the others' messages.
	_ = os.WriteFile(path, fmt.Appendf(nil, "%d %s\n", os.Getpid(), now.Format(time.RFC3339)), 0o600)
	return nil
}

// holder reads who holds a lock: " (pid 12 since …)", empty when it does not
// say.
func holder(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, 100))
	if err != nil {
		return ""
	}
	var pid int
	var since string
	if _, err := fmt.Sscan(strings.ToValidUTF8(string(text), ""), &pid, &since); err != nil {
		return ""
	}
	t, err := time.Parse(time.RFC3339, since)
	if err != nil {
		return ""
	}
	return fmt.Sprintf(" (pid %d since %s)", pid, t.Format("2006-01-02 15:04"))
}

// release lets go of all locks and removes their files. Nobody opens one in
// between, because that is done under the lock of all: so no two nights hold
// locks of the same name on different files.
func (l *locks) release(ctx context.Context) error {
	err := l.exclusively(context.WithoutCancel(ctx), func() error {
		var errs []error
		for key := range l.held {
			errs = append(errs, os.Remove(l.path(key)))
		}
		_ = os.Remove(filepath.Join(l.dir, "locks")) // when it was the last of them
		l.drop()
		return errors.Join(errs...)
	})
	l.drop() // also where the lock of all was not to be had: then the files stay
	return err
}

// drop lets go of all locks.
func (l *locks) drop() {
	for _, lock := range l.held {
		_ = lock.Close()
	}
	clear(l.held)
}
