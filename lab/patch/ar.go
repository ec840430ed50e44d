package patch

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// A .deb file is an archive of ar(5): a magic line, then members, each a
// header of 60 bytes and its bytes, padded to an even length. See deb(5).
const (
	arMagic  = "!<arch>\n"
	arHeader = 60
	arEnd    = "`\n"
)

// errNotDeb means that a file does not begin as a package does.
var errNotDeb = errors.New("not a Debian package")

// checkDeb reads the outer structure of a package of size bytes. It fails
// with errNotDeb for another kind of file, and otherwise for one that is
// truncated or damaged. What is inside the members the machine's dpkg judges.
func checkDeb(r io.ReaderAt, size int64) error {
	magic := make([]byte, len(arMagic))
	if _, err := r.ReadAt(magic, 0); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if string(magic) != arMagic {
		return errNotDeb
	}
	var names []string
	for at := int64(len(arMagic)); at < size; {
		m, err := readMember(r, at, size)
		if err != nil {
			return err
		}
		names = append(names, m.name)
		if len(names) == 1 {
			if err := checkFormat(r, m); err != nil {
				return err
			}
		}
		at = m.next
	}
	return checkMembers(names)
}

// member is one member of an archive.
type member struct {
	name string
	data int64 // where its bytes begin
	size int64
	next int64 // where the next header begins
}

func readMember(r io.ReaderAt, at, size int64) (member, error) {
	h := make([]byte, arHeader)
	if n, err := r.ReadAt(h, at); n < arHeader {
		if err == nil || errors.Is(err, io.EOF) {
			err = errors.New("it ends within a member's header")
		}
		return member{}, err
	}
	if string(h[58:]) != arEnd {
		return member{}, errors.New("a member's header is damaged")
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(h[48:58])), 10, 40)
	if err != nil {
		return member{}, errors.New("a member's size is no number")
	}
	m := member{
		name: strings.TrimSuffix(strings.TrimRight(string(h[:16]), " "), "/"),
		data: at + arHeader,
		size: int64(n),
	}
	if m.data+m.size > size {
		return member{}, fmt.Errorf("it is truncated: member %q needs %d bytes, %d are there", lab.Printable(m.name, 20), m.size, size-m.data)
	}
	m.next = m.data + m.size + m.size%2
	return m, nil
}

// checkFormat looks at the first member, which says that this is a package
// and in which format.
func checkFormat(r io.ReaderAt, m member) error {
	if m.name != "debian-binary" {
		return errNotDeb
	}
	b := make([]byte, min(m.size, 4))
	if _, err := r.ReadAt(b, m.data); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if !strings.HasPrefix(string(b), "2.") {
		return errors.New("it is of another package format than 2")
	}
	return nil
}

func checkMembers(names []string) error {
	for _, want := range []string{"control.tar", "data.tar"} {
		found := false
		for _, n := range names {
			found = found || n == want || strings.HasPrefix(n, want+".")
		}
		if !found {
			return fmt.Errorf("it is truncated or damaged: it has no member %s", want)
		}
	}
	return nil
}

// checkDebFile is checkDeb for a file.
func checkDebFile(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return errNotDeb
	}
	return checkDeb(f, info.Size())
}
