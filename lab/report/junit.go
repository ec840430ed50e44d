package report

import (
	"io"

	"github.com/patchlab/patchlab/lab"
)

// JUnit writes the checks as JUnit XML, as CI servers read it.
func JUnit(w io.Writer, r *lab.Record) error { return errTodo }
