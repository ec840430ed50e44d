package check

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"strconv"
	"strings"

	"github.com/go-sql-driver/mysql"

	"github.com/patchlab/patchlab/lab"
)

// queryMySQL takes values as the server writes them, but for numbers, which
// the driver reads.
func queryMySQL(ctx context.Context, c *session, s *lab.SQLCheck) (*table, error) {
	cfg := mysql.NewConfig()
	cfg.User, cfg.Passwd, cfg.DBName = s.User, s.Password, s.Database
	cfg.Net, cfg.Addr = "tcp", c.addr
	cfg.MaxAllowedPacket, cfg.CheckConnLiveness, cfg.Logger = maxTalk, false, &mysql.NopLogger{}
	cfg.DialFunc = func(context.Context, string, string) (net.Conn, error) { return c.take() }
	if s.Security == lab.TLS || s.Security == lab.StartTLS {
		cfg.TLS = tlsConfig(s.Server)
	}
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, fmt.Errorf("cannot prepare the client: %w", err)
	}
	return queryDriver(ctx, c, s, connector, "START TRANSACTION READ ONLY", func(v driver.Value, _ string) string { return mysqlText(v) })
}

// queryDriver makes a query over one connection: nothing is tried again. Begin
// is executed first; a server that does not know it does without.
func queryDriver(ctx context.Context, c *session, s *lab.SQLCheck, connector driver.Connector, begin string, text func(v driver.Value, kind string) string) (*table, error) {
	conn, err := connector.Connect(ctx)
	if err != nil {
		return nil, loginError(s, err)
	}
	defer func() {
		_ = c.Close() // first, so that no farewell waits for a silent server
		_ = conn.Close()
	}()
	if e, ok := conn.(driver.ExecerContext); begin != "" && ok {
		_, err := e.ExecContext(ctx, begin, nil)
		if _, refused := errors.AsType[*mysql.MySQLError](err); err != nil && !refused {
			return nil, queryError(err)
		}
	}
	q, ok := conn.(driver.QueryerContext)
	if !ok {
		return nil, errors.New("the client cannot make queries")
	}
	rows, err := q.QueryContext(ctx, s.Query, nil)
	if err != nil {
		return nil, queryError(err)
	}
	defer func() {
		_ = c.Close()
		_ = rows.Close()
	}()
	return readRows(rows, text)
}

func readRows(rows driver.Rows, text func(v driver.Value, kind string) string) (*table, error) {
	got := &table{columns: rows.Columns()}
	kinds := make([]string, len(got.columns))
	if k, ok := rows.(driver.RowsColumnTypeDatabaseTypeName); ok {
		for i := range kinds {
			kinds[i] = k.ColumnTypeDatabaseTypeName(i)
		}
	}
	values := make([]driver.Value, len(got.columns))
	for {
		err := rows.Next(values)
		if errors.Is(err, io.EOF) {
			return got, nil
		}
		if err != nil {
			return nil, queryError(err)
		}
		row := make([]string, len(values))
		for i, v := range values {
			row[i] = null
			if v != nil {
				row[i] = text(v, kinds[i])
			}
		}
		if !got.add(row) {
			return got, nil
		}
	}
}

// mysqlText writes numbers as MySQL does.
func mysqlText(v driver.Value) string {
	switch v := v.(type) {
	case []byte:
		return string(v)
	case float32:
		return floatText(float64(v), 32)
	case float64:
		return floatText(v, 64)
	}
	return fmt.Sprint(v)
}

// floatText has an exponent only where a number would be very long.
func floatText(v float64, bits int) string {
	if a := math.Abs(v); a == 0 || a >= 1e-15 && a < 1e15 {
		return strconv.FormatFloat(v, 'f', -1, bits)
	}
	return strings.Replace(strconv.FormatFloat(v, 'e', -1, bits), "e+", "e", 1)
}
