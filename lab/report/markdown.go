package report

import (
	"io"

	"github.com/patchlab/patchlab/lab"
)

// Markdown writes the report for mail and tickets.
func Markdown(w io.Writer, r *lab.Record) error { return errTodo }
