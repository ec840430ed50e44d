package patch

import (
	"errors"
	"io"

	"github.com/patchlab/patchlab/lab"
)

// Windows Installer's files are compound files: sectors chained by a file
// allocation table, the root's directory entry telling by a class id what the
// whole is. See the Compound File Binary Format, [MS-CFB].
const (
	oleMagic   = "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
	oleHeader  = 512
	oleInline  = 109 // sectors of the table that the header itself names
	oleMaximum = 0xfffffffa

	oleRootStorage = 5

	// The class ids as they lie in the file.
	msiClass = "\x84\x10\x0c\x00\x00\x00\x00\x00\xc0\x00\x00\x00\x00\x00\x00\x46"
	mspClass = "\x86\x10\x0c\x00\x00\x00\x00\x00\xc0\x00\x00\x00\x00\x00\x00\x46"
	mstClass = "\x82\x10\x0c\x00\x00\x00\x00\x00\xc0\x00\x00\x00\x00\x00\x00\x46"
)

// recogniseOLE tells Windows Installer's packages from its patches.
func recogniseOLE(r io.ReaderAt, size int64) (lab.PatchKind, error) {
	f := &reader{r: r, size: size}
	f.holds("its header", 0, oleHeader)
	shift := f.le16(30)
	f.must(f.le16(28) == 0xfffe && (shift == 9 || shift == 12), "its header is damaged")
	if f.err != nil {
		return "", f.err
	}
	f.oleTable(shift)
	root := (f.le32(48) + 1) << shift
	f.must(f.bytes(root+66, 1)[0] == oleRootStorage, "its root entry is damaged")
	class := string(f.bytes(root+80, 16))
	switch {
	case f.err != nil:
		return "", f.err
	case class == msiClass:
		return lab.PatchMSI, nil
	case class == mspClass:
		return lab.PatchMSP, nil
	case class == mstClass:
		return "", errors.New("it is a transform (.mst), which only changes how a .msi is installed")
	}
	return "", errors.New("it is a compound file, but neither a package nor a patch of Windows Installer")
}

// oleTable looks whether every sector that the allocation table says is in
// use begins within the file.
func (f *reader) oleTable(shift int64) {
	perSector := int64(1) << (shift - 2)
	tables := f.le32(44)
	f.must(tables > 0 && tables <= f.size>>shift, "its header is damaged")
	last := int64(-1)
	for i := int64(0); i < min(tables, oleInline) && f.err == nil; i++ {
		sector := f.le32(76 + 4*i)
		f.must(sector < oleMaximum, "its allocation table is damaged")
		b := f.bytes((sector+1)<<shift, 1<<shift)
		for e := range perSector {
			if string(b[4*e:4*e+4]) != "\xff\xff\xff\xff" {
				last = i*perSector + e
			}
		}
	}
	if f.err == nil && last >= 0 {
		f.holds("its last sector", (last+1)<<shift, 1)
	}
}
