package check

import (
	"database/sql/driver"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/patchlab/patchlab/lab"
)

func TestSQLServerText(t *testing.T) {
	day := time.Date(2026, 3, 4, 5, 6, 7, 120_000_000, time.UTC)
	for _, c := range []struct {
		v    driver.Value
		kind string
		want string
	}{
		{true, "BIT", "1"},
		{false, "BIT", "0"},
		{int64(-7), "INT", "-7"},
		{"text", "NVARCHAR", "text"},
		{1.5, "FLOAT", "1.5"},
		{[]byte("12.30"), "DECIMAL", "12.30"},
		{[]byte{1, 0xab}, "VARBINARY", "0x01ab"},
		{[]byte{4, 3, 2, 1, 6, 5, 8, 7, 9, 10, 11, 12, 13, 14, 15, 16}, "UNIQUEIDENTIFIER", "01020304-0506-0708-090A-0B0C0D0E0F10"},
		{day, "DATE", "2026-03-04"},
		{day, "TIME", "05:06:07.12"},
		{day, "DATETIME2", "2026-03-04 05:06:07.12"},
		{day, "DATETIMEOFFSET", "2026-03-04 05:06:07.12 +00:00"},
	} {
		if got := sqlServerText(c.v, c.kind); got != c.want {
			t.Errorf("%s: %q, want %q", c.kind, got, c.want)
		}
	}
}

// tdsServer answers the first message of a SQL Server's client that it speaks
// no TLS, and the login that it is refused.
func tdsServer(t *testing.T) net.Addr {
	return serve(t, func(c net.Conn) {
		packet := func() bool {
			var head [8]byte
			if _, err := io.ReadFull(c, head[:]); err != nil {
				return false
			}
			_, err := io.CopyN(io.Discard, c, int64(binary.BigEndian.Uint16(head[2:]))-8)
			return err == nil
		}
		send := func(body string) {
			_, _ = fmt.Fprintf(c, "\x04\x01%c%c\x00\x00\x01\x00%s", 0, len(body)+8, body)
		}
		if !packet() {
			return
		}
		send("\x00\x00\x0b\x00\x06\x01\x00\x11\x00\x01\xff" + "\x0f\x00\x00\x00\x00\x00" + "\x02")
		if !packet() {
			return
		}
		wide := func(s string) (w string) {
			for _, r := range s {
				w += string(r) + "\x00"
			}
			return w
		}
		msg := "Login failed: " + password
		body := "\x18\x48\x00\x00\x01\x0e" + string([]byte{byte(len(msg)), 0}) + wide(msg) + "\x00\x00\x01\x00\x00\x00"
		send("\xaa" + string([]byte{byte(len(body)), 0}) + body + "\xfd\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")
		_, _ = io.Copy(io.Discard, c)
	})
}

func TestSQLServerRefuses(t *testing.T) {
	s := here(tdsServer(t), lab.Plain)
	spec := &lab.SQLCheck{Server: as(s, "anna", password), Driver: "sqlserver", Query: "select 1"}
	wantMessage(t, make1(t, spec, &machine{}, long), s, false, "cannot log in as anna: mssql: login error: Login failed: (sensitive)")
	spec.Security = lab.TLS
	wantMessage(t, make1(t, spec, &machine{}, long), s, false, "cannot log in as anna: server does not support encryption")
}
