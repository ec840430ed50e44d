package ledger

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// copyLines writes the lines of another ledger, and then its head.
func (m *merge) copyLines(b *book) error {
	dir := m.path(filepath.Join(hostsDir, b.id))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	text := append(bytes.Join(b.lines, []byte{'\n'}), '\n')
	for _, f := range []struct {
		name string
		text []byte
	}{{linesFile, text}, {headFile, headText(b.head().Entries, b.head().SHA256)}} {
		if err := m.step("merge " + f.name); err != nil {
			return err
		}
		if err := replaceFile(filepath.Join(dir, f.name), f.text); err != nil {
			return err
		}
	}
	return errors.Join(syncDir(dir), syncDir(filepath.Dir(dir)), syncDir(m.g.Dir))
}

// copySeals writes the seals of another ledger that are not here yet, and
// returns how many. They were looked at before.
func (m *merge) copySeals(b *book) (copied int, err error) {
	for n := 1; n <= len(b.lines); n++ {
		if m.haveSeal(b.id, n) {
			continue
		}
		text, err := readSmall(m.theirs.root, filepath.Join(b.dir, sealPath(n)), maxSmall)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return copied, err
		}
		path := m.path(filepath.Join(hostsDir, b.id, sealPath(n)))
		if err := m.step("merge seal"); err != nil {
			return copied, err
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return copied, err
		}
		if err := replaceFile(path, text); err != nil {
			return copied, err
		}
		copied++
	}
	return copied, nil
}
