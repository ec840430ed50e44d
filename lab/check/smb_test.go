package check

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/patchlab/patchlab/lab"
)

// smbServer agrees on SMB 2.1 and answers everything else with a status.
func smbServer(t *testing.T, status uint32) net.Addr {
	return serve(t, func(c net.Conn) {
		for {
			request, err := readSMB(c)
			if err != nil {
				return
			}
			head := make([]byte, smbHeader)
			copy(head, "\xfeSMB\x40\x00")
			copy(head[12:], request[4+12:4+14]) // command
			binary.LittleEndian.PutUint16(head[14:], 10)
			head[16] = 1                        // an answer
			copy(head[24:], request[4+24:4+32]) // message
			body := []byte{9, 0, 0, 0, 0, 0, 0, 0, 0}
			switch i := bytes.Index(request, []byte("NTLMSSP\x00\x01")); {
			case head[12] == 0:
				body = negotiated()
			case i > 0:
				binary.LittleEndian.PutUint32(head[8:], 0xc0000016) // go on
				token := challenge(request[i+12 : i+16])
				body = append([]byte{9, 0, 0, 0, 72, 0, byte(len(token)), 0}, token...)
			default:
				binary.LittleEndian.PutUint32(head[8:], status)
			}
			message := slices.Concat(head, body)
			_, _ = c.Write(binary.BigEndian.AppendUint32(nil, uint32(len(message))))
			_, _ = c.Write(message)
		}
	})
}

// negotiated is the body of an agreement on SMB 2.1.
func negotiated() []byte {
	body := make([]byte, 64)
	body[0], body[2], body[4], body[5] = 65, 1, 0x10, 0x02
	for _, at := range []int{28, 32, 36} { // sizes
		binary.LittleEndian.PutUint32(body[at:], 1<<20)
	}
	binary.LittleEndian.PutUint16(body[56:], smbHeader+64)
	return body
}

// challenge is NTLM's in SPNEGO's answer.
func challenge(flags []byte) []byte {
	ntlm := append([]byte("NTLMSSP\x00\x02\x00\x00\x00"), 0, 0, 0, 0, 56, 0, 0, 0)
	ntlm = append(append(ntlm, flags...), "12345678"+"\x00\x00\x00\x00\x00\x00\x00\x00"...)
	ntlm = append(ntlm, 4, 0, 4, 0, 56, 0, 0, 0, 6, 1, 0, 0, 0, 0, 0, 15, 0, 0, 0, 0)
	n := byte(len(ntlm))
	mech := []byte{0xa1, 12, 6, 10, 0x2b, 6, 1, 4, 1, 0x82, 0x37, 2, 2, 10}
	rest := append([]byte{0xa0, 3, 10, 1, 1}, append(mech, append([]byte{0xa2, n + 2, 4, n}, ntlm...)...)...)
	return append([]byte{0xa1, byte(len(rest) + 2), 0x30, byte(len(rest))}, rest...)
}

func TestSMBRefuses(t *testing.T) {
	for status, message := range map[uint32]string{
		0xc000006d: "cannot log in as anna: wrong user or password (status c000006d)",
		0xc0000234: "cannot log in as anna: the account is locked (status c0000234)",
		0xc0000001: "cannot log in as anna: ",
	} {
		s := here(smbServer(t, status), lab.Plain)
		res := make1(t, &lab.SMBCheck{Server: as(s, "anna", password), Share: "data"}, &machine{}, long)
		if res.Passed || !strings.HasPrefix(res.Message, message) {
			t.Errorf("passed %t, %q; want %q", res.Passed, res.Message, message)
		}
		silent(t, res)
	}
}

func TestReadSMB(t *testing.T) {
	part := func(next uint32) []byte {
		b := make([]byte, smbHeader+8)
		copy(b, "\xfeSMB")
		binary.LittleEndian.PutUint32(b[20:], next)
		return b
	}
	for name, c := range map[string]struct {
		message []byte
		ok      bool
	}{
		"one":           {part(0), true},
		"two":           {append(part(smbHeader+8), part(0)...), true},
		"beyond":        {part(500), false},
		"within itself": {part(8), false},
		"half a second": {append(part(smbHeader+8), part(0)[:20]...), false},
		"encrypted":     {append([]byte("\xfdSMB"), make([]byte, 60)...), true},
		"version 1":     {append([]byte("\xffSMB"), make([]byte, 60)...), false},
		"short":         {[]byte("\xfeSMB"), false},
	} {
		wire := append(binary.BigEndian.AppendUint32(nil, uint32(len(c.message))), c.message...)
		if got, err := readSMB(strings.NewReader(string(wire))); (err == nil) != c.ok || c.ok && string(got) != string(wire) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := readSMB(io.MultiReader(strings.NewReader("\xff\xff\xff\xff"), strings.NewReader(strings.Repeat("x", 100)))); err == nil {
		t.Error("4 GiB are read")
	}
}
