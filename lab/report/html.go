package report

import (
	"errors"
	"io"

	"github.com/patchlab/patchlab/lab"
)

var errTodo = errors.New("not built")

// HTML writes the report as one page that needs nothing else: no network, no
// script, no other file. Dir is the record's folder, from which pictures of
// displays and the tails of logs are taken; one that is missing there is said.
func HTML(w io.Writer, r *lab.Record, dir string) error { return errTodo }
