package patch

import "io"

// A Windows program is a DOS header that points to a header "PE", which lists
// the sections. See the PE format.
const (
	peMagic = "MZ"

	peLibrary     = 0x2000 // characteristic of a DLL
	peSection     = 40
	peCertificate = 4 // number of the data directory with the signature
)

// checkPE reads the headers of a program of size bytes. It fails for one that
// is truncated or damaged, or is a library.
func checkPE(r io.ReaderAt, size int64) error {
	f := &reader{r: r, size: size}
	f.holds("its header", 0, 64)
	at := f.le32(60)
	f.must(f.err != nil || string(f.bytes(at, 4)) == "PE\x00\x00", "it is a program for DOS, not for Windows")
	sections, optional := f.le16(at+6), f.le16(at+20)
	f.must(f.le16(at+22)&peLibrary == 0, "it is a library (DLL), not a program")
	f.peSignature(at+24, optional)
	for i := range sections {
		entry := at + 24 + optional + i*peSection
		length, begin := f.le32(entry+16), f.le32(entry+20)
		if length > 0 && begin > 0 {
			f.holds("a section", begin, length)
		}
		if f.err != nil {
			break
		}
	}
	f.must(sections > 0, "its header is damaged: it has no section")
	return f.err
}

// peSignature looks whether the signature, which is behind all else, is
// there. Its place is in the optional header at offset at of length bytes.
func (f *reader) peSignature(at, length int64) {
	directories := at + 96
	switch f.le16(at) {
	case 0x10b:
	case 0x20b:
		directories += 16
	default:
		f.must(false, "its header is damaged")
	}
	entry := directories + 8*peCertificate
	if entry+8 > at+length || f.le32(directories-4) <= peCertificate {
		return
	}
	f.holds("its signature", f.le32(entry), f.le32(entry+4))
}
