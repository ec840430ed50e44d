package check

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql/driver"
	"encoding/hex"
	"fmt"
	"net"
	"strconv"
	"time"

	mssql "github.com/microsoft/go-mssqldb"
	"github.com/microsoft/go-mssqldb/msdsn"

	"github.com/patchlab/patchlab/lab"
)

// querySQLServer asks a Microsoft SQL Server, which knows no read-only
// transaction.
func querySQLServer(ctx context.Context, c *session, s *lab.SQLCheck) (*table, error) {
	cfg := msdsn.Config{
		Host: s.Host, Port: 1, Protocols: []string{"tcp"}, // the port is the session's
		User: s.User, Password: s.Password, Database: s.Database,
		Encryption: msdsn.EncryptionDisabled, TLSConfig: keptConfig(c, s.Server), HostInCertificateProvided: true,
		AppName:     "patchlab",
		Workstation: "patchlab",
		DialTimeout: -1, DisableRetry: true, NoTraceID: true,
	}
	if s.Security == lab.TLS || s.Security == lab.StartTLS {
		cfg.Encryption = msdsn.EncryptionRequired // otherwise as the server wants it
	}
	connector := mssql.NewConnectorConfig(cfg)
	connector.Dialer = atSession{c}
	return queryDriver(ctx, c, s, connector, "", sqlServerText)
}

// keptConfig verifies as tlsConfig does, but keeps the error: the driver
// makes it unrecognisable. The sizes of the protocol's packets ask for fixed
// records.
func keptConfig(c *session, s lab.Server) *tls.Config {
	cfg := tlsConfig(s)
	cfg.DynamicRecordSizingDisabled = true
	if s.Insecure {
		return cfg
	}
	cfg.InsecureSkipVerify = true // VerifyConnection does it
	cfg.VerifyConnection = func(st tls.ConnectionState) error {
		err := verify(st, time.Now())
		if err == nil {
			err = st.PeerCertificates[0].VerifyHostname(s.Host)
		}
		if err == nil {
			return nil
		}
		return c.keep(fmt.Errorf("no TLS: %w", &tls.CertificateVerificationError{UnverifiedCertificates: []*x509.Certificate{st.PeerCertificates[0]}, Err: err}))
	}
	return cfg
}

// atSession is a dialer that gives the connection that there is: nothing is
// resolved here.
type atSession struct{ c *session }

// DialContext implements mssql.Dialer.
func (d atSession) DialContext(context.Context, string, string) (net.Conn, error) { return d.c.take() }

// HostName implements mssql.HostDialer.
func (d atSession) HostName() string { return "" }

// sqlServerText writes a value as the server's own tools do.
func sqlServerText(v driver.Value, kind string) string {
	switch v := v.(type) {
	case bool:
		if v {
			return "1"
		}
		return "0"
	case float64:
		return floatText(v, 64)
	case time.Time:
		return timeText(v, kind)
	case []byte:
		switch kind {
		case "UNIQUEIDENTIFIER":
			var id mssql.UniqueIdentifier
			if id.Scan(v) == nil {
				return id.String()
			}
		case "DECIMAL", "NUMERIC", "MONEY", "SMALLMONEY", "XML", "TEXT", "NTEXT", "VARCHAR", "NVARCHAR", "CHAR", "NCHAR":
			return string(v)
		}
		return "0x" + hex.EncodeToString(v)
	case int64:
		return strconv.FormatInt(v, 10)
	}
	return fmt.Sprint(v)
}

func timeText(v time.Time, kind string) string {
	switch kind {
	case "DATE":
		return v.Format(time.DateOnly)
	case "TIME":
		return v.Format("15:04:05.999999999")
	case "DATETIMEOFFSET":
		return v.Format("2006-01-02 15:04:05.999999999 -07:00")
	}
	return v.Format("2006-01-02 15:04:05.999999999")
}
