package check

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

const (
	maxRows = 10_000
	null    = "NULL"
)

// table is the answer to a query, as text.
type table struct {
	columns []string
	rows    [][]string
	cut     bool // there are more than maxRows
}

// add takes a row, unless there are too many.
func (t *table) add(row []string) (more bool) {
	if len(t.rows) >= maxRows {
		t.cut = true
		return false
	}
	t.rows = append(t.rows, row)
	return true
}

// databases are the drivers: their own port, and who makes a query.
var databases = map[string]struct {
	port  int
	query func(ctx context.Context, c *session, s *lab.SQLCheck) (*table, error)
}{
	"postgres":  {5432, queryPostgres},
	"mysql":     {3306, queryMySQL},
	"sqlserver": {1433, querySQLServer},
}

// sqlCheck makes a query, read-only where the server knows such a thing. TLS
// is asked for within each of the protocols: lab.TLS and lab.StartTLS are the
// same.
func sqlCheck(ctx context.Context, s *lab.SQLCheck, at place) finding {
	d, ok := databases[s.Driver]
	if !ok {
		return finding{err: fmt.Errorf("unknown driver %q", s.Driver)}
	}
	return talk(ctx, at, s.Server, d.port, func(ctx context.Context, c *session) finding {
		got, err := d.query(ctx, c, s)
		f := finding{err: err}
		if err == nil {
			f.judgeTable(s, got)
		}
		return f
	})
}

// loginError names the step that failed first.
func loginError(s *lab.SQLCheck, err error) error {
	return fmt.Errorf("cannot log in as %s: %w", orDefault(s.User, "nobody"), err)
}

func queryError(err error) error { return fmt.Errorf("the query failed: %w", err) }

// judgeTable compares the answer with what is wanted.
func (f *finding) judgeTable(s *lab.SQLCheck, got *table) {
	f.seen, f.evidence = fmt.Sprintf("query answered with %s", rowCount(len(got.rows))), got.text()
	if got.cut {
		f.fault("more than %d rows: they cannot be judged", maxRows)
		return
	}
	f.expectNumber("", s.Count, float64(len(got.rows)), "rows")
	if !s.Value.IsZero() {
		if len(got.rows) == 0 || len(got.rows[0]) == 0 {
			f.fault("there is no value: the query gave no row")
		} else {
			f.expect("value", s.Value, []byte(got.rows[0][0]), false)
		}
	}
	if s.Rows != nil {
		f.expectRows(s.Rows, got.rows)
	}
}

func (f *finding) expectRows(want, got [][]string) {
	for i := range min(len(want), len(got)) {
		if !slices.Equal(want[i], got[i]) {
			f.fault("row %d is %s, want %s", i+1, rowText(got[i]), rowText(want[i]))
			return
		}
	}
	if len(want) != len(got) {
		f.fault("%s, want %d", rowCount(len(got)), len(want))
		return
	}
	f.seen += ", all as wanted"
}

func rowCount(n int) string {
	if n == 1 {
		return "1 row"
	}
	return fmt.Sprintf("%d rows", n)
}

func rowText(row []string) string {
	return "(" + lab.Printable(strings.Join(row, ", "), 100) + ")"
}

// text is the table as far as the evidence has room.
func (t *table) text() string {
	var b strings.Builder
	line := func(cells []string) {
		for i, c := range cells {
			if i > 0 {
				b.WriteString(" | ")
			}
			b.WriteString(lab.Printable(c, 200))
		}
		b.WriteByte('\n')
	}
	line(t.columns)
	for _, row := range t.rows {
		if b.Len() > maxEvidence {
			break
		}
		line(row)
	}
	return b.String()
}
