package check

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"strings"

	"github.com/hirochachacha/go-smb2"

	"github.com/patchlab/patchlab/lab"
)

// smbCheck opens a share, and a file there. Without a user it does so as a
// guest, whom servers may refuse. SMB protects its connections itself.
func smbCheck(ctx context.Context, s *lab.SMBCheck, at place) finding {
	return talk(ctx, at, s.Server, 445, func(ctx context.Context, c *session) finding {
		user := orDefault(s.User, "guest")
		d := &smb2.Dialer{Initiator: &smb2.NTLMInitiator{User: user, Password: s.Password, Domain: s.Domain}}
		login, err := d.DialContext(ctx, &smbConn{Conn: c})
		if err != nil {
			return finding{err: fmt.Errorf("cannot log in as %s: %w", user, smbError(err))}
		}
		share, err := login.WithContext(ctx).Mount(`\\` + s.Host + `\` + s.Share)
		if err != nil {
			return finding{err: fmt.Errorf("cannot open share %s: %w", s.Share, smbError(err))}
		}
		f := finding{seen: fmt.Sprintf("share %s opened as %s", s.Share, user)}
		if s.File != "" {
			f.readShared(share.WithContext(ctx), s)
		}
		return f
	})
}

// readShared looks at a file. One whose content is not asserted may be a
// folder.
func (f *finding) readShared(share *smb2.Share, s *lab.SMBCheck) {
	name := strings.ReplaceAll(strings.Trim(s.File, "/"), "/", `\`)
	info, err := share.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.fault("%s is not on share %s", s.File, s.Share)
		return
	case err != nil:
		f.err = fmt.Errorf("cannot look at %s: %w", s.File, smbError(err))
		return
	}
	f.seen += ", " + s.File + " is there"
	if s.Content.IsZero() {
		f.evidence = fmt.Sprintf("%s %d bytes %s\n", info.Mode(), info.Size(), s.File)
		return
	}
	file, err := share.Open(name)
	if err != nil {
		f.err = fmt.Errorf("cannot open %s: %w", s.File, smbError(err))
		return
	}
	text, err := io.ReadAll(io.LimitReader(file, maxText+1))
	cut := len(text) > maxText
	text = text[:min(len(text), maxText)]
	f.evidence = string(text[:min(len(text), maxEvidence)])
	if err != nil {
		f.err = fmt.Errorf("cannot read %s: %w", s.File, smbError(err))
		return
	}
	f.expect("content", s.Content, text, cut)
}

// smbError says what the most usual refusals are: the library knows them by
// long sentences.
func smbError(err error) error {
	refused, ok := errors.AsType[*smb2.ResponseError](err)
	if !ok {
		return err
	}
	known := map[uint32]string{
		0xc000006d: "wrong user or password", 0xc000006e: "the account is restricted", 0xc0000072: "the account is disabled",
		0xc0000071: "the password has expired", 0xc0000234: "the account is locked", 0xc00000cc: "there is no such share",
		0xc0000022: "access denied", 0xc0000064: "there is no such user", 0xc000006a: "wrong password",
	}
	if text := known[refused.Code]; text != "" {
		return fmt.Errorf("%s (status %08x)", text, refused.Code)
	}
	return err
}

const (
	maxSMB       = 9 << 20 // bytes of one message; reads are of at most 8 MiB
	smbHeader    = 64      // bytes
	smbTransform = 52      // bytes; of an encrypted message
)

// smbConn gives whole messages whose headers hold to a client that takes
// their offsets on trust.
type smbConn struct {
	net.Conn
	rest []byte
}

var errSMB = errors.New("the server does not answer in SMB 2")

// Read implements net.Conn.
func (c *smbConn) Read(b []byte) (int, error) {
	if len(c.rest) == 0 {
		message, err := readSMB(c.Conn)
		if err != nil {
			return 0, err
		}
		c.rest = message
	}
	n := copy(b, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

// readSMB reads a message with its length, as both are on the wire.
func readSMB(r io.Reader) ([]byte, error) {
	var prefix [4]byte
	if _, err := io.ReadFull(r, prefix[:]); err != nil {
		return nil, err
	}
	length := int(binary.BigEndian.Uint32(prefix[:]))
	if length < smbTransform || length > maxSMB {
		return nil, errSMB
	}
	message := make([]byte, 4+length)
	copy(message, prefix[:])
	if _, err := io.ReadFull(r, message[4:]); err != nil {
		return nil, err
	}
	return message, saneSMB(message[4:])
}

// saneSMB checks that each part of a message is within it. What is encrypted
// is the word of a server that knows the password.
func saneSMB(m []byte) error {
	if string(m[:4]) == "\xfdSMB" {
		return nil
	}
	for {
		if len(m) < smbHeader || string(m[:4]) != "\xfeSMB" {
			return errSMB
		}
		next := int(binary.LittleEndian.Uint32(m[20:]))
		if next == 0 {
			return nil
		}
		if next < smbHeader || next > len(m) {
			return errSMB
		}
		m = m[next:]
	}
}
