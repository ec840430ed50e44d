package check

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/patchlab/patchlab/lab"
)

// queryPostgres takes values as the server writes them.
func queryPostgres(ctx context.Context, c *session, s *lab.SQLCheck) (*table, error) {
	cfg, err := postgresConfig(c, s)
	if err != nil {
		return nil, err
	}
	conn, err := pgconn.ConnectConfig(ctx, cfg)
	if err != nil {
		if e, ok := errors.AsType[*pgconn.PgError](err); ok {
			err = e
		} else if e, ok := errors.AsType[*pgconn.ConnectError](err); ok {
			err = e.Unwrap() // without the definition's own words
		}
		return nil, loginError(s, err)
	}
	defer func() {
		_ = c.Close() // first, so that no farewell waits for a silent server
		_ = conn.Close(ctx)
	}()
	if _, err := conn.Exec(ctx, "BEGIN READ ONLY").ReadAll(); err != nil {
		return nil, queryError(err)
	}
	answers := conn.Exec(ctx, s.Query)
	got := &table{}
	for answers.NextResult() {
		r := answers.ResultReader()
		if got.columns != nil || len(r.FieldDescriptions()) == 0 {
			continue // no rows, or not the first: NextResult reads past it
		}
		for _, d := range r.FieldDescriptions() {
			got.columns = append(got.columns, d.Name)
		}
		for r.NextRow() {
			row := make([]string, 0, len(got.columns))
			for _, v := range r.Values() {
				if v == nil {
					row = append(row, null)
					continue
				}
				row = append(row, string(v))
			}
			if !got.add(row) {
				return got, nil
			}
		}
	}
	if err := answers.Close(); err != nil {
		return nil, queryError(err)
	}
	return got, nil
}

// postgresConfig owes nothing to the environment or to files of this host,
// which the library would read: what it found is overwritten.
func postgresConfig(c *session, s *lab.SQLCheck) (*pgconn.Config, error) {
	// Of a socket's path it asks no certificates.
	text := "host=/none port=1 user=nobody password=nothing dbname=none sslmode=disable sslnegotiation=postgres" +
		" passfile='' connect_timeout=0 target_session_attrs=any"
	if os.Getenv("PGSERVICE") != "" {
		// It cannot be told to ignore this: it is given an empty service.
		f, err := os.CreateTemp("", "patchlab-service-")
		if err != nil {
			return nil, err
		}
		defer func() { _ = f.Close(); _ = os.Remove(f.Name()) }()
		if _, err := io.WriteString(f, "[none]\n"); err != nil {
			return nil, err
		}
		text += fmt.Sprintf(" service=none servicefile='%s'", f.Name())
	}
	cfg, err := pgconn.ParseConfig(text)
	if err != nil {
		return nil, fmt.Errorf("cannot prepare the client: %w", err)
	}
	cfg.Host, cfg.User, cfg.Password, cfg.Database = s.Host, s.User, s.Password, s.Database
	cfg.Port = 5432 // for messages, as the host
	if s.Port != 0 {
		cfg.Port = uint16(s.Port) //nolint:gosec // a port
	}
	cfg.RuntimeParams = map[string]string{"application_name": "patchlab", "client_encoding": "UTF8"}
	cfg.KerberosSrvName, cfg.KerberosSpn = "", ""
	cfg.Fallbacks, cfg.TLSConfig = nil, nil
	if s.Security == lab.TLS || s.Security == lab.StartTLS {
		cfg.TLSConfig = tlsConfig(s.Server)
	}
	cfg.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
	cfg.DialFunc = func(context.Context, string, string) (net.Conn, error) { return c.take() }
	cfg.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend {
		f := pgproto3.NewFrontend(r, w)
		f.SetMaxBodyLen(maxTalk)
		return f
	}
	return cfg, nil
}
