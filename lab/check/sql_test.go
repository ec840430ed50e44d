package check

import (
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/patchlab/patchlab/lab"
)

// postgresServer lets anna in, and answers queries about patients.
func postgresServer(t *testing.T, secure *tls.Config) net.Addr {
	return serve(t, func(c net.Conn) {
		b := pgproto3.NewBackend(c, c)
		for {
			m, err := b.ReceiveStartupMessage()
			if err != nil {
				return
			}
			if _, ok := m.(*pgproto3.SSLRequest); !ok {
				s, ok := m.(*pgproto3.StartupMessage)
				if !ok {
					return
				}
				postgresSession(b, s)
				return
			}
			if secure == nil {
				_, _ = io.WriteString(c, "N")
				continue
			}
			_, _ = io.WriteString(c, "S")
			c = tls.Server(c, secure)
			b = pgproto3.NewBackend(c, c)
		}
	})
}

func postgresSession(b *pgproto3.Backend, s *pgproto3.StartupMessage) {
	b.Send(&pgproto3.AuthenticationCleartextPassword{})
	_ = b.Flush()
	_ = b.SetAuthType(pgproto3.AuthTypeCleartextPassword)
	m, err := b.Receive()
	p, ok := m.(*pgproto3.PasswordMessage)
	if err != nil || !ok {
		return
	}
	if p.Password != password || s.Parameters["user"] != "anna" || s.Parameters["options"] != "" {
		b.Send(&pgproto3.ErrorResponse{Severity: "FATAL", Code: "28P01", Message: "password " + p.Password + " of " + s.Parameters["user"] + " is wrong"})
		_ = b.Flush()
		return
	}
	b.Send(&pgproto3.AuthenticationOk{})
	for state := byte('I'); ; {
		b.Send(&pgproto3.ReadyForQuery{TxStatus: state})
		if b.Flush() != nil {
			return
		}
		m, err := b.Receive()
		q, ok := m.(*pgproto3.Query)
		if err != nil || !ok {
			return
		}
		switch {
		case q.String == "BEGIN READ ONLY":
			state = 'T'
			b.Send(&pgproto3.CommandComplete{CommandTag: []byte("BEGIN")})
		case state != 'T':
			b.Send(&pgproto3.ErrorResponse{Severity: "ERROR", Code: "25000", Message: "not read-only"})
		case strings.HasPrefix(q.String, "select"):
			b.Send(&pgproto3.RowDescription{Fields: []pgproto3.FieldDescription{{Name: []byte("name")}, {Name: []byte("age")}}})
			rows := [][][]byte{{[]byte("Ada"), []byte("36")}, {[]byte("Bob"), nil}}
			if q.String == "select none" {
				rows = nil
			}
			for q.String == "select all" && len(rows) <= maxRows {
				rows = append(rows, rows[0])
			}
			for _, r := range rows {
				b.Send(&pgproto3.DataRow{Values: r})
			}
			b.Send(&pgproto3.CommandComplete{CommandTag: []byte("SELECT")})
		default:
			b.Send(&pgproto3.ErrorResponse{Severity: "ERROR", Code: "25006", Message: "cannot execute UPDATE in a read-only transaction"})
		}
	}
}

func TestPostgres(t *testing.T) {
	for _, name := range []string{"PGHOST", "PGUSER", "PGPASSWORD", "PGSERVICE", "PGSSLMODE", "PGPORT", "PGOPTIONS", "PGTARGETSESSIONATTRS", "PGCONNECT_TIMEOUT", "PGSSLROOTCERT", "PGSSLNEGOTIATION"} {
		t.Setenv(name, "nonsense") // none of them has a part in it
	}
	plain, secure := here(postgresServer(t, nil), lab.Plain), here(postgresServer(t, authority.server(100)), lab.TLS)
	own := here(postgresServer(t, newCA("Own CA").server(100)), lab.TLS)
	noTLS := plain
	noTLS.Security = lab.StartTLS
	anna := as(plain, "anna", password)
	rows := func(rows ...[]string) [][]string { return append([][]string{}, rows...) }
	for name, c := range map[string]struct {
		spec    lab.SQLCheck
		passed  bool
		message string
	}{
		"answers":        {lab.SQLCheck{Server: anna}, true, "query answered with 2 rows"},
		"rows":           {lab.SQLCheck{Server: anna, Rows: rows([]string{"Ada", "36"}, []string{"Bob", "NULL"})}, true, "query answered with 2 rows, all as wanted"},
		"order":          {lab.SQLCheck{Server: anna, Rows: rows([]string{"Bob", "NULL"}, []string{"Ada", "36"})}, false, "row 1 is (Ada, 36), want (Bob, NULL)"},
		"more":           {lab.SQLCheck{Server: anna, Rows: rows([]string{"Ada", "36"})}, false, "2 rows, want 1"},
		"none wanted":    {lab.SQLCheck{Server: anna, Rows: rows()}, false, "2 rows, want 0"},
		"count":          {lab.SQLCheck{Server: anna, Count: at(2)}, true, "query answered with 2 rows, 2 rows"},
		"wrong count":    {lab.SQLCheck{Server: anna, Count: at(3)}, false, "2 rows, want exactly 3"},
		"value":          {lab.SQLCheck{Server: anna, Value: lab.Match{Equals: "Ada"}}, true, `query answered with 2 rows, value is "Ada"`},
		"wrong value":    {lab.SQLCheck{Server: anna, Value: lab.Match{Equals: "Eve"}}, false, `value is "Ada", want "Eve"`},
		"no value":       {lab.SQLCheck{Server: anna, Query: "select none", Value: lab.Match{NotContains: "x"}}, false, "there is no value: the query gave no row"},
		"too many":       {lab.SQLCheck{Server: anna, Query: "select all"}, false, "more than 10000 rows: they cannot be judged"},
		"modifies":       {lab.SQLCheck{Server: anna, Query: "update x"}, false, "the query failed: ERROR: cannot execute UPDATE in a read-only transaction (SQLSTATE 25006)"},
		"wrong password": {lab.SQLCheck{Server: as(plain, "anna", password+"!")}, false, "cannot log in as anna: FATAL: password (sensitive) of anna is wrong (SQLSTATE 28P01)"},
		"TLS":            {lab.SQLCheck{Server: as(secure, "anna", password)}, true, "query answered with 2 rows"},
		"no TLS":         {lab.SQLCheck{Server: as(noTLS, "anna", password)}, false, "cannot log in as anna: ADDR (127.0.0.1): tls error: server refused TLS connection"},
		"own authority":  {lab.SQLCheck{Server: as(own, "anna", password)}, false, "cannot log in as anna: ADDR (127.0.0.1): failed to write startup message: write failed: tls: failed to verify certificate: x509: certificate signed by unknown authority (insecure = true accepts any certificate)"},
		"insecure":       {lab.SQLCheck{Server: insecure(as(own, "anna", password))}, true, "query answered with 2 rows"},
		"driver":         {lab.SQLCheck{Server: anna, Driver: "oracle"}, false, `unknown driver "oracle"`},
	} {
		t.Run(name, func(t *testing.T) {
			c.spec.Driver, c.spec.Query = orDefault(c.spec.Driver, "postgres"), orDefault(c.spec.Query, "select all of them")
			wantMessage(t, make1(t, &c.spec, &machine{}, long), c.spec.Server, c.passed, c.message)
		})
	}
}
