package patch

import (
	"bytes"
	"io"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// A cabinet file is a header, a list of folders, a list of files, and the
// folders' compressed blocks; see the Microsoft Cabinet Format, [MS-CAB]. An
// update package is a cabinet that holds WSUSSCAN.cab, or, since Windows 11
// 24H2, an image file (WIM).
const (
	cabMagic = "MSCF"
	wimMagic = "MSWIM\x00\x00\x00"

	cabHeader    = 36
	cabFile      = 16 // before a file's name
	cabName      = 257
	scanCabinet  = "wsusscan.cab"
	cabPrevious  = 1
	cabNext      = 2
	cabReserve   = 4
	wimHeader    = 208
	wimTable     = 48 // where the header says where the parts are
	wimXML       = 72
	wimIntegrity = 124
)

// recogniseCab tells update packages from other cabinets.
func recogniseCab(r io.ReaderAt, size int64) (lab.PatchKind, error) {
	names, err := cabNames(r, size)
	if err != nil {
		return "", err
	}
	for _, n := range names {
		if strings.EqualFold(n, scanCabinet) {
			return lab.PatchMSU, nil
		}
	}
	return lab.PatchCAB, nil
}

// cabNames are the names of a cabinet's files. It fails for one that is
// truncated or damaged.
func cabNames(r io.ReaderAt, size int64) ([]string, error) {
	f := &reader{r: r, size: size}
	f.holds("its header", 0, cabHeader)
	whole, files, count := f.le32(8), f.le32(16), f.le16(28)
	flags := f.le16(30)
	f.must(whole >= cabHeader && files >= cabHeader && files <= whole, "its header is damaged")
	f.holds("the cabinet", 0, whole)
	f.must(flags&(cabPrevious|cabNext) == 0, "it is one of several cabinets that belong together")
	f.must(count > 0, "it holds no file")
	if f.err == nil {
		f.size = whole // a signature may follow
		f.cabFolders(flags)
	}
	var names []string
	for at := files; f.err == nil && len(names) < int(count); {
		b := f.bytes(at+cabFile, min(cabName, max(f.size-at-cabFile, 0)))
		end := bytes.IndexByte(b, 0)
		f.must(end > 0, "its list of files is damaged")
		if f.err == nil {
			names = append(names, string(b[:end]))
			at += cabFile + int64(end) + 1
		}
	}
	return names, f.err
}

// cabFolders looks whether the folders' blocks begin within the cabinet.
func (f *reader) cabFolders(flags int64) {
	at, each := int64(cabHeader), int64(8)
	if flags&cabReserve != 0 {
		at += 4 + f.le16(cabHeader)
		each += int64(f.bytes(cabHeader+2, 1)[0])
	}
	for range f.le16(26) {
		start := f.le32(at)
		f.must(start >= cabHeader && start <= f.size, "its list of folders is damaged")
		at += each
		if f.err != nil {
			return
		}
	}
}

// checkWim looks whether the parts of an image file are all there.
func checkWim(r io.ReaderAt, size int64) error {
	f := &reader{r: r, size: size}
	f.holds("its header", 0, wimHeader)
	f.must(f.le32(8) >= wimHeader, "its header is damaged")
	f.must(f.le16(42) == 1, "it is one of several files that belong together")
	for _, part := range []struct {
		name string
		at   int64
	}{{"its table of files", wimTable}, {"its description", wimXML}, {"its integrity table", wimIntegrity}} {
		length := f.le32(part.at) | f.le32(part.at+4)&0xffffff<<32
		high := f.le32(part.at + 12)
		f.must(high < 1<<24, "its header is damaged")
		if length > 0 {
			f.holds(part.name, f.le32(part.at+8)|high<<32, length)
		}
	}
	f.must(f.le32(wimTable) > 0, "its header is damaged: it has no table of files")
	return f.err
}
