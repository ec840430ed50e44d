package ledger

import (
	"errors"
	"fmt"
	"io/fs"
)

// evidence says what is wrong with the record of the run that e is about. One
// that is not here is fs.ErrNotExist.
func (g *Ledger) evidence(e *Entry) error {
	err := g.Check(*e)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("its folder is gone, and no entry says that it was removed: %w", fs.ErrNotExist)
	}
	return err
}
