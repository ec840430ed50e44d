package check

import (
	"errors"
	"fmt"
	"io"
	"net"
)

const (
	maxBER      = 4 << 20 // bytes of one message of LDAP
	maxBERDepth = 32
)

var errBER = errors.New("the server does not answer in LDAP")

// berConn gives whole and harmless messages to a client that would follow any
// nesting until its stack ends.
type berConn struct {
	net.Conn
	rest []byte
}

// Read implements net.Conn.
func (c *berConn) Read(b []byte) (int, error) {
	if len(c.rest) == 0 {
		message, err := readBER(c.Conn)
		if err != nil {
			return 0, err
		}
		c.rest = message
	}
	n := copy(b, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

// readBER reads one message, and not a byte more.
func readBER(r io.Reader) ([]byte, error) {
	head := make([]byte, 2, 6)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, err
	}
	if head[0] != 0x30 {
		return nil, errBER
	}
	if more := int(head[1] & 0x7f); head[1]&0x80 != 0 {
		if more == 0 || more > 4 {
			return nil, errBER
		}
		head = head[:2+more]
		if _, err := io.ReadFull(r, head[2:]); err != nil {
			return nil, err
		}
	}
	_, length, _ := berHead(head)
	if length > maxBER {
		return nil, fmt.Errorf("a message of %d bytes is too long", length)
	}
	message := make([]byte, len(head)+length)
	copy(message, head)
	if _, err := io.ReadFull(r, message[len(head):]); err != nil {
		return nil, err
	}
	return message, sane(message, maxBERDepth)
}

// berHead reads tag and length of an element: size is how long both are; 0
// where they cannot be read.
func berHead(b []byte) (constructed bool, length, size int) {
	if len(b) < 2 || b[0]&0x1f == 0x1f {
		return false, 0, 0 // LDAP has no tags of several bytes
	}
	constructed = b[0]&0x20 != 0
	if b[1]&0x80 == 0 {
		return constructed, int(b[1]), 2
	}
	more := int(b[1] & 0x7f)
	if more == 0 || more > 4 || len(b) < 2+more {
		return false, 0, 0
	}
	for _, digit := range b[2 : 2+more] {
		length = length<<8 | int(digit)
	}
	return constructed, length, 2 + more
}

// sane reports what is wrong with a sequence of elements.
func sane(b []byte, depth int) error {
	if depth == 0 {
		return errBER
	}
	for len(b) > 0 {
		constructed, length, size := berHead(b)
		if size == 0 || length > len(b)-size {
			return errBER
		}
		if constructed {
			if err := sane(b[size:size+length], depth-1); err != nil {
				return err
			}
		}
		b = b[size+length:]
	}
	return nil
}
