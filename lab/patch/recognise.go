package patch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// form is one form of patch file: how it begins, and how it is looked at.
type form struct {
	magic string
	// check says which kind of patch a file of size bytes is that begins so.
	// It fails with errNotDeb for a file of another form after all, and
	// otherwise for one that is truncated, damaged or of no use.
	check func(r io.ReaderAt, size int64) (lab.PatchKind, error)
}

// forms are the forms that are recognised by their bytes.
func forms() []form {
	return []form{
		{arMagic, func(r io.ReaderAt, size int64) (lab.PatchKind, error) { return lab.PatchDeb, checkDeb(r, size) }},
		{rpmMagic, func(r io.ReaderAt, size int64) (lab.PatchKind, error) { return lab.PatchRPM, checkRPM(r, size) }},
		{cabMagic, recogniseCab},
		{wimMagic, func(r io.ReaderAt, size int64) (lab.PatchKind, error) { return lab.PatchMSU, checkWim(r, size) }},
		{oleMagic, recogniseOLE},
		{peMagic, func(r io.ReaderAt, size int64) (lab.PatchKind, error) { return lab.PatchEXE, checkPE(r, size) }},
		{"#!", func(io.ReaderAt, int64) (lab.PatchKind, error) { return lab.PatchScript, nil }},
	}
}

// packageNames are the extensions of names that promise a certain kind.
var packageNames = map[string]lab.PatchKind{
	".deb": lab.PatchDeb, ".rpm": lab.PatchRPM, ".msu": lab.PatchMSU, ".cab": lab.PatchCAB,
	".msp": lab.PatchMSP, ".msi": lab.PatchMSI, ".exe": lab.PatchEXE,
}

// kindNames say what a file of a kind is called.
var kindNames = map[lab.PatchKind]string{
	lab.PatchDeb: "Debian package", lab.PatchRPM: "RPM package", lab.PatchMSU: "Windows update package (.msu)",
	lab.PatchCAB: "cabinet file (.cab)", lab.PatchMSP: "Windows Installer patch (.msp)",
	lab.PatchMSI: "Windows Installer package (.msi)", lab.PatchEXE: "Windows program (.exe)", lab.PatchScript: "script",
}

// scriptNames are the extensions of scripts that Windows runs: nothing in
// their bytes tells them.
var scriptNames = []string{".ps1", ".cmd", ".bat"}

func isWindowsScript(name string) bool {
	return slices.Contains(scriptNames, strings.ToLower(filepath.Ext(name)))
}

// recogniseFile says what kind of patch a file is by its content; empty when
// it is none. It fails for a file that cannot be read, is truncated or
// damaged, or is not what its name promises.
func recogniseFile(name string) (lab.PatchKind, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", errors.New("it is no ordinary file")
	}
	kind, err := recogniseBytes(f, info.Size())
	if err != nil {
		return "", err
	}
	promised := packageNames[strings.ToLower(filepath.Ext(name))]
	if promised != "" && !passesAs(kind, promised) {
		return "", fmt.Errorf("it is %s by its content, not a %s as its name says", article(kind), kindNames[promised])
	}
	return kind, nil
}

// passesAs reports whether a file of kind k may be called one of kind want: an
// update package is a cabinet as well.
func passesAs(k, want lab.PatchKind) bool {
	return k == want || k == lab.PatchMSU && want == lab.PatchCAB
}

func article(k lab.PatchKind) string {
	if k == "" {
		return "no kind of patch"
	}
	return "a " + kindNames[k]
}

// recogniseBytes is recogniseFile without a name.
func recogniseBytes(r io.ReaderAt, size int64) (lab.PatchKind, error) {
	head := make([]byte, 8)
	n, err := r.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	for _, f := range forms() {
		if !bytes.HasPrefix(head[:n], []byte(f.magic)) {
			continue
		}
		kind, err := f.check(r, size)
		if errors.Is(err, errNotDeb) { // an archive of something else
			return "", nil
		}
		return kind, err
	}
	return "", nil
}

// checkKind is how a file of a patch of kind k is looked at before anything
// is made.
func checkKind(k lab.PatchKind) func(path string) error {
	return func(path string) error {
		is, err := recogniseFile(path)
		if err == nil && !passesAs(is, k) {
			err = fmt.Errorf("it is %s by its content, not a %s", article(is), kindNames[k])
		}
		return err
	}
}

// reader reads numbers and text at offsets of a file. It remembers the first
// failure: after one, all it gives is zero.
type reader struct {
	r    io.ReaderAt
	size int64
	err  error
}

// bytes are n bytes at offset at.
func (f *reader) bytes(at, n int64) []byte {
	b := make([]byte, max(n, 0))
	if f.err != nil {
		return b
	}
	if at < 0 || n < 0 || n > f.size-at {
		f.err = fmt.Errorf("it is truncated: %d bytes are there, byte %d is needed", f.size, at+n)
		return b
	}
	if got, err := f.r.ReadAt(b, at); got < len(b) {
		f.err = err
		clear(b)
	}
	return b
}

func (f *reader) le16(at int64) int64 { return int64(binary.LittleEndian.Uint16(f.bytes(at, 2))) }
func (f *reader) le32(at int64) int64 { return int64(binary.LittleEndian.Uint32(f.bytes(at, 4))) }
func (f *reader) be16(at int64) int64 { return int64(binary.BigEndian.Uint16(f.bytes(at, 2))) }
func (f *reader) be32(at int64) int64 { return int64(binary.BigEndian.Uint32(f.bytes(at, 4))) }

// holds fails unless the file has n bytes at offset at.
func (f *reader) holds(what string, at, n int64) {
	if f.err == nil && (at < 0 || n < 0 || at > f.size || n > f.size-at) {
		f.err = fmt.Errorf("it is truncated: %s ends at byte %d, %d are there", what, at+n, f.size)
	}
}

// must fails with a message unless ok.
func (f *reader) must(ok bool, message string) {
	if f.err == nil && !ok {
		f.err = errors.New(message)
	}
}
