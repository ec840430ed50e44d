package suggest

import (
	"context"
	"fmt"
	"strings"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/guest"
)

// maxDatabases of one server are looked at.
const maxDatabases = 10

// largestTable names the table of most rows, as PostgreSQL has counted them.
const largestTable = `SELECT quote_ident(schemaname) || '.' || quote_ident(relname) FROM pg_stat_user_tables ORDER BY n_live_tup DESC, 1 LIMIT 1`

// postgresTables asks each database for its largest table. One that cannot be
// asked is left out.
func postgresTables(ctx context.Context, g lab.Guest, databases []string) ([]table, error) {
	var out []table
	for _, db := range databases[:min(len(databases), maxDatabases)] {
		if !plain(db) {
			continue
		}
		res, err := g.Run(ctx, lab.Command{Shell: psql(db, largestTable), Timeout: lookLimit})
		if err != nil {
			return nil, err
		}
		name := strings.TrimRight(string(res.Stdout), "\n")
		if res.ExitCode != 0 || !plain(name) && name != "" {
			continue
		}
		out = append(out, table{db, name})
	}
	return out, nil
}

// psql is the command that asks a database of the machine's own PostgreSQL as
// its administrator.
func psql(database, query string) string {
	return "cd / && " + guest.Quote("runuser", "-u", "postgres", "--", "psql", "-XAtd", database, "-c", query)
}

// mysqlTables reads lines of database and table, the largest table of each
// database first.
func mysqlTables(lines []string) []table {
	var out []table
	for _, line := range lines {
		db, name, ok := strings.Cut(line, "\t")
		if !ok || !plain(db) || len(out) > 0 && out[len(out)-1].database == db || len(out) == maxDatabases {
			continue
		}
		if name == "NULL" {
			name = ""
		}
		if name != "" && plain(name) {
			name = backtick(db) + "." + backtick(name)
		}
		out = append(out, table{db, name})
	}
	return out
}

func backtick(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

// plain reports whether a name of the machine's can stand in a check: it is
// one printable line, not too long.
func plain(s string) bool {
	return s != "" && len(s) <= 200 && lab.Printable(s, 0) == s && !strings.HasPrefix(s, "-")
}

// databases proposes that each database can be asked, best by counting its
// largest table.
func databases(m *lab.Machine, f facts) []proposal {
	var out []proposal
	add := func(kind string, t table, ask func(query string) string) {
		var p proposal
		queries := []string{"SELECT 1"}
		if t.name != "" {
			queries = []string{"SELECT count(*) FROM " + t.name, "SELECT 1"}
		}
		for _, q := range queries {
			p.checks = append(p.checks, on(m, fmt.Sprintf("%s: %s database %s answers", m.Name, kind, t.database), &lab.CommandCheck{
				Run: ask(q), Stdout: lab.Match{Regexp: `^[0-9]+\s*$`},
			}))
		}
		out = append(out, p)
	}
	for _, t := range f.postgres {
		add("PostgreSQL", t, func(q string) string { return psql(t.database, q) })
	}
	for _, t := range f.mysql {
		add("MySQL", t, func(q string) string {
			return `"$(command -v mariadb || command -v mysql)" ` + guest.Quote("-N", "-B", "-e", q, "--", t.database)
		})
	}
	return out
}
