package check

import (
	"encoding/binary"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/patchlab/patchlab/lab"
)

// mysqlServer lets anybody in who knows no password, refuses others, and
// answers one query.
func mysqlServer(t *testing.T, readOnly bool) net.Addr {
	return serve(t, func(c net.Conn) {
		send := func(seq byte, body string) {
			head := binary.LittleEndian.AppendUint32(nil, uint32(len(body)))
			_, _ = c.Write(append(append(head[:3], seq), body...))
		}
		read := func() (body string, seq byte) {
			var head [4]byte
			if _, err := io.ReadFull(c, head[:]); err != nil {
				return "", 0
			}
			b := make([]byte, int(head[0])|int(head[1])<<8)
			_, _ = io.ReadFull(c, b)
			return string(b), head[3]
		}
		text := func(s string) string { return string([]byte{byte(len(s))}) + s }
		column := func(name string, kind byte) string {
			return text("def") + text("") + text("") + text("") + text(name) + text(name) + "\x0c\x21\x00\xff\x00\x00\x00" + string(rune(kind)) + "\x00\x00\x00\x00\x00"
		}
		const ok, eof = "\x00\x00\x00\x02\x00\x00\x00", "\xfe\x00\x00\x02\x00"
		send(0, "\x0a8.0.1\x00\x01\x00\x00\x0012345678\x00\xff\xf7\x21\x02\x00\x0f\x00\x15"+strings.Repeat("\x00", 10)+"123456789012\x00mysql_native_password\x00")
		login, seq := read()
		if !strings.Contains(login, "anna\x00\x00") {
			send(seq+1, "\xff\x15\x04#28000Access denied for user ("+password+")")
			return
		}
		send(seq+1, ok)
		for {
			q, _ := read()
			switch {
			case q == "":
				return
			case q == "\x03START TRANSACTION READ ONLY" && readOnly:
				send(1, ok)
			case q == "\x03select":
				send(1, "\x03")
				send(2, column("name", 0x0f))
				send(3, column("age", 0x03))
				send(4, column("part", 0x05))
				send(5, eof)
				send(6, text("Ada")+text("36")+text("1000000"))
				send(7, text("Bob")+"\xfb"+text("0.1"))
				send(8, eof)
			default:
				send(1, "\xff\x28\x04#42000no such syntax")
			}
		}
	})
}

func TestMySQL(t *testing.T) {
	want := [][]string{{"Ada", "36", "1000000"}, {"Bob", "NULL", "0.1"}}
	for _, readOnly := range []bool{true, false} { // old servers know no such transaction
		s := here(mysqlServer(t, readOnly), lab.Plain)
		secure := s
		secure.Security = lab.TLS
		for name, c := range map[string]struct {
			spec    lab.SQLCheck
			passed  bool
			message string
		}{
			"rows":           {lab.SQLCheck{Server: as(s, "anna", ""), Query: "select", Rows: want}, true, "query answered with 2 rows, all as wanted"},
			"syntax":         {lab.SQLCheck{Server: as(s, "anna", ""), Query: "selcet"}, false, "the query failed: Error 1064 (42000): no such syntax"},
			"wrong password": {lab.SQLCheck{Server: as(s, "anna", password), Query: "select"}, false, "cannot log in as anna: Error 1045 (28000): Access denied for user ((sensitive))"},
			"no TLS":         {lab.SQLCheck{Server: as(secure, "anna", ""), Query: "select"}, false, "cannot log in as anna: TLS requested but server does not support TLS"},
		} {
			t.Run(name, func(t *testing.T) {
				c.spec.Driver = "mysql"
				wantMessage(t, make1(t, &c.spec, &machine{}, long), s, c.passed, c.message)
			})
		}
	}
}

func TestFloatText(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 1000000: "1000000", 0.1: "0.1", 1e15: "1e15", 1.5e-20: "1.5e-20", -2.5: "-2.5"} {
		if got := floatText(v, 64); got != want {
			t.Errorf("%v: %q, want %q", v, got, want)
		}
	}
	if got := mysqlText(float32(0.1)); got != "0.1" {
		t.Errorf("float32: %q", got)
	}
}
