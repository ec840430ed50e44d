package patch

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/patchlab/patchlab/lab"
)

// Limits for what a package may make this host read and hold, in bytes.
const (
	maxControlMember = 16 << 20 // control.tar as it is in the package
	maxControlTar    = 64 << 20 // unpacked
	maxControlFile   = 1 << 20  // the control file
	maxDictionary    = 64 << 20 // of the decompressors
	maxControlFiles  = 4096     // in control.tar
)

// DebInfo is what a Debian package says of itself, read on this host without
// dpkg: see deb-control(5). Relations are package names alone, without
// versions, in order and each once; of alternatives all are named.
type DebInfo struct {
	Name, Version, Arch string
	Depends             []string // Depends and Pre-Depends
	Breaks              []string // Breaks and Conflicts: of what older versions must not be there
	Provides            []string
}

// ReadDebInfo reads the control file of the package at name. The bytes are
// untrusted: what is read is limited, and what does not look like a package's
// control file is an error.
func ReadDebInfo(name string) (DebInfo, error) {
	info, err := readDebInfo(name)
	if err != nil {
		return DebInfo{}, fmt.Errorf("cannot read what package %s says of itself: %w", name, err)
	}
	return info, nil
}

func readDebInfo(name string) (DebInfo, error) {
	if err := checkDebFile(name); err != nil {
		return DebInfo{}, err
	}
	f, err := os.Open(name)
	if err != nil {
		return DebInfo{}, err
	}
	defer func() { _ = f.Close() }()
	stat, err := f.Stat()
	if err != nil {
		return DebInfo{}, err
	}
	for at := int64(len(arMagic)); at < stat.Size(); {
		m, err := readMember(f, at, stat.Size())
		if err != nil {
			return DebInfo{}, err
		}
		if suffix, ok := strings.CutPrefix(m.name, "control.tar"); ok {
			if m.size > maxControlMember {
				return DebInfo{}, fmt.Errorf("its %s is too large: %d bytes", lab.Printable(m.name, 20), m.size)
			}
			text, err := readControl(io.NewSectionReader(f, m.data, m.size), suffix)
			if err != nil {
				return DebInfo{}, err
			}
			return parseControl(text)
		}
		at = m.next
	}
	return DebInfo{}, errors.New("it has no member control.tar")
}

// readControl returns the control file out of control.tar, which is packed as
// suffix says.
func readControl(r io.Reader, suffix string) (string, error) {
	switch suffix {
	case "":
	case ".gz":
		z, err := gzip.NewReader(r)
		if err != nil {
			return "", err
		}
		r = z
	case ".xz":
		x, err := unxz(r)
		if err != nil {
			return "", err
		}
		r = x
	case ".zst":
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxMemory(maxDictionary), zstd.WithDecoderMaxWindow(maxDictionary))
		if err != nil {
			return "", err
		}
		defer z.Close()
		r = z
	default:
		return "", fmt.Errorf("its control.tar is packed in an unknown way: %s", lab.Printable(suffix, 20))
	}
	return findControl(tar.NewReader(io.LimitReader(r, maxControlTar)))
}

func findControl(t *tar.Reader) (string, error) {
	for range maxControlFiles {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "", fmt.Errorf("its control.tar is damaged: %w", err)
		}
		if path.Clean(h.Name) != "control" || h.Typeflag != tar.TypeReg {
			continue
		}
		if h.Size > maxControlFile {
			return "", fmt.Errorf("its control file is too large: %d bytes", h.Size)
		}
		text, err := io.ReadAll(t)
		return string(text), err
	}
	return "", errors.New("its control.tar has no control file")
}

// parseControl reads the fields of a control file.
func parseControl(text string) (DebInfo, error) {
	fields := map[string]string{}
	last := ""
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		name, value, ok := strings.Cut(line, ":")
		switch {
		case strings.TrimSpace(line) == "" && last == "":
		case strings.TrimSpace(line) == "":
			return debInfo(fields) // the end of the paragraph
		case line[0] == ' ' || line[0] == '\t':
			fields[last] += " " + strings.TrimSpace(line)
		case !ok || strings.ContainsAny(name, " \t"):
			return DebInfo{}, fmt.Errorf("its control file has a line that is no field: %s", lab.Printable(line, 80))
		default:
			last = strings.ToLower(name)
			fields[last] = strings.TrimSpace(value)
		}
	}
	return debInfo(fields)
}

func debInfo(fields map[string]string) (DebInfo, error) {
	info := DebInfo{
		Name: fields["package"], Version: fields["version"], Arch: fields["architecture"],
		Depends:  relations(fields["pre-depends"]+","+fields["depends"], ""),
		Breaks:   relations(fields["breaks"]+","+fields["conflicts"], "(<"),
		Provides: relations(fields["provides"], ""),
	}
	if !isPackageName(info.Name) || info.Version == "" || strings.ContainsAny(info.Version, " \t") {
		return DebInfo{}, errors.New("its control file names no package and version")
	}
	return info, nil
}

// relations are the package names in a list of relations, such as
// "libc6 (>= 2.36), mta:any | exim4 [amd64]", of those that have mark in them.
func relations(text, mark string) []string {
	var out []string
	for part := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' || r == '|' }) {
		part = strings.TrimSpace(part)
		if !strings.Contains(part, mark) {
			continue
		}
		if i := strings.IndexAny(part, " (:[<"); i >= 0 {
			part = part[:i]
		}
		if isPackageName(part) && !slices.Contains(out, part) {
			out = append(out, part)
		}
	}
	return out
}

// isPackageName reports whether s is a package's name: deb-control(5).
func isPackageName(s string) bool {
	if len(s) < 2 || len(s) > 200 {
		return false
	}
	for i, r := range s {
		letter := r >= 'a' && r <= 'z' || r >= '0' && r <= '9'
		if !letter && (i == 0 || !strings.ContainsRune("+-.", r)) {
			return false
		}
	}
	return true
}

// Needs reports whether a cannot be applied without b, which is in the same
// batch: a depends on b's name or on something that b provides, or must not
// be beside an older b. Versions are not compared: the batch's version is
// taken for the one that is meant.
func (a DebInfo) Needs(b DebInfo) bool {
	if a.Name == b.Name {
		return false
	}
	if slices.Contains(a.Depends, b.Name) || slices.Contains(a.Breaks, b.Name) {
		return true
	}
	return slices.ContainsFunc(b.Provides, func(name string) bool { return slices.Contains(a.Depends, name) })
}
