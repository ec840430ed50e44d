package ledger

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

const (
	lockPoll = 20 * time.Millisecond
	// lockLimit is how long it is waited for others that add: an entry takes
	// them moments, a merge of large records minutes.
	lockLimit = 15 * time.Minute
)

// writer adds to a ledger whose lock it holds.
type writer struct {
	g    *Ledger
	lock *flock.Flock
	*shelf
	unsealed []line // what was added and not sealed yet
}

// write opens the ledger for adding to it, makes it where there is none, and
// puts right what a process that died has left: the beginning of a line goes,
// a head that lags follows. It waits for others that add, as long as lockLimit.
func (g *Ledger) write() (*writer, error) {
	if err := os.MkdirAll(g.Dir, 0o700); err != nil {
		return nil, hostError("make the ledger's folder", err)
	}
	w := &writer{g: g, lock: flock.New(filepath.Join(g.Dir, lockFile), flock.SetPermissions(0o600))}
	ctx, cancel := context.WithTimeout(context.Background(), lockLimit)
	defer cancel()
	if _, err := w.lock.TryLockContext(ctx, lockPoll); err != nil {
		return nil, hostError("lock the ledger, which another process holds (a merge?)", err)
	}
	s, err := g.read()
	if err == nil {
		w.shelf = s
		if len(s.problems) > 0 {
			err = tampered(s.problems)
		} else {
			err = w.repair()
		}
	}
	if err == nil && len(w.own().lines) == 0 {
		err = w.begin()
	}
	if err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

// Close gives the ledger back.
func (w *writer) Close() {
	if w.shelf != nil {
		w.shelf.Close()
	}
	_ = w.lock.Close()
}

func (w *writer) path(name string) string { return filepath.Join(w.g.Dir, name) }

// repair brings a ledger that a process died over to where the next line can
// be written.
func (w *writer) repair() (err error) {
	c := w.own().chain
	w.sweep()
	if c.torn {
		err = truncate(w.path(linesFile), c.size)
	}
	if err == nil && c.lags {
		err = w.writeHead(len(c.lines), c.last)
	}
	if err != nil {
		return hostError("repair the end of the ledger", err)
	}
	c.torn, c.lags = false, false
	return nil
}

// sweep removes the heads that processes died writing. What cannot be removed
// does no harm.
func (w *writer) sweep() {
	list, _ := fs.Glob(w.root.FS(), "."+headFile+"*")
	for _, name := range list {
		_ = w.root.Remove(name)
	}
}

// begin writes the first entry. There is a head before it, so that a ledger
// without one is always one that somebody took it from.
func (w *writer) begin() error {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails: crypto/rand ends the program instead
	if err := w.writeHead(0, zeros); err != nil {
		return hostError("make the ledger", err)
	}
	e := Entry{Kind: Begin, Ledger: hex.EncodeToString(id[:])}
	w.own().id = e.Ledger
	_, err := w.add(e)
	return err
}

// add writes an entry: its line in one piece, then the head. When either
// cannot be written, nothing is added. It is sealed later: see seal.
func (w *writer) add(e Entry) (Entry, error) {
	own := w.own()
	c := own.chain
	e.Prev, e.Seq, e.Version = c.last, len(c.lines)+1, Version
	e.Time, e.Host = w.g.now(), w.g.Host
	text, err := lineOf(e)
	if err != nil {
		return Entry{}, err
	}
	size := c.size + int64(len(text)) + 1
	if size > maxLines {
		return Entry{}, hostError("add the entry to the ledger", fmt.Errorf("the ledger would have %d bytes, and %d is the most", size, maxLines))
	}
	if err := w.commit(append(text, '\n')); err != nil {
		return Entry{}, hostError("add the entry to the ledger", errors.Join(err, undo(w.path(linesFile), c.size)))
	}
	e.Line, e.Of = text[:len(text):len(text)], own.id
	c.lines, c.size, c.prior, c.last = append(c.lines, e.Line), size, c.last, lineSum(e.Line)
	own.lines = c.lines
	w.unsealed = append(w.unsealed, line{own, e.Seq, e.Line, e.Time})
	return e, nil
}

// commit writes a line, and the head after it. The head of the line before is
// made to last first: of several lines that one process adds, too, the head on
// the disk is never behind by more than one.
func (w *writer) commit(text []byte) error {
	if err := syncDir(w.g.Dir); err != nil {
		return err
	}
	f, err := os.OpenFile(w.path(linesFile), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if err = w.step("line"); err == nil {
		_, err = f.Write(text)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := w.step("head"); err != nil {
		return err
	}
	return w.writeHead(len(w.own().chain.lines)+1, lineSum(text[:len(text)-1]))
}

func (w *writer) writeHead(entries int, sum string) error {
	return replaceFile(w.path(headFile), headText(entries, sum))
}

// step lets tests die or fail here.
func (w *writer) step(name string) error { return w.g.step(name) }

func (g *Ledger) step(name string) error {
	if g.atStep == nil {
		return nil
	}
	return g.atStep(name)
}

// undo takes a line off that could not be written, or not be told of.
func undo(path string, size int64) error {
	err := truncate(path, size)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func truncate(path string, size int64) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(size), f.Sync(), f.Close())
}

// now is the time for an entry.
func (g *Ledger) now() time.Time {
	now := time.Now
	if g.Now != nil {
		now = g.Now
	}
	return now().UTC().Truncate(time.Millisecond)
}
