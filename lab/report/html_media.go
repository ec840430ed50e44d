package report

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"image/png"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

const (
	mostTailLines = 60
	mostTailRead  = 64 << 10 // bytes of the end of a log
	mostPicture   = 2 << 20  // bytes of one picture
	mostPictures  = 6 << 20  // bytes of all pictures of a page
	mostPixels    = 8192     // of a picture's width or height
)

// media are the files of the record's folder. Nothing outside of it is read,
// wherever a path of the record or a link in the folder points.
type media struct {
	root  *os.Root
	err   error // why there is no root
	shown map[string]bool
	left  int // bytes of pictures that the page still takes
}

func openMedia(dir string) *media {
	m := &media{shown: map[string]bool{}, left: mostPictures}
	m.root, m.err = os.OpenRoot(dir)
	if m.err != nil {
		m.err = errors.New("the record's folder cannot be read")
	}
	return m
}

func (m *media) close() {
	if m.root != nil {
		_ = m.root.Close() // only read
	}
}

// once reports whether path has not been asked for before.
func (m *media) once(path string) bool {
	before := m.shown[path]
	m.shown[path] = true
	return !before
}

// open opens a plain file and tells its size. A pipe would stop the report.
func (m *media) open(path string) (*os.File, int64, error) {
	if m.err != nil {
		return nil, 0, m.err
	}
	path = filepath.FromSlash(path)
	info, err := m.root.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, 0, errors.New("it is not in the record's folder")
	case err != nil || !info.Mode().IsRegular():
		return nil, 0, errors.New("it is no file of the record's folder")
	}
	f, err := m.root.Open(path)
	if err != nil {
		return nil, 0, errors.New("it cannot be read")
	}
	return f, info.Size(), nil
}

// tail is the end of a log, as harmless text.
func (m *media) tail(path string) (string, error) {
	f, size, err := m.open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b := make([]byte, min(size, mostTailRead))
	n, err := f.ReadAt(b, size-int64(len(b)))
	if err != nil && !errors.Is(err, io.EOF) {
		return "", errors.New("it cannot be read")
	}
	return lastLines(string(b[:n]), mostTailLines), nil
}

// picture is a PNG as a data: address.
func (m *media) picture(path string) (template.URL, error) {
	f, size, err := m.open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if size > mostPicture {
		return "", fmt.Errorf("it is too large for this page (%d KiB)", size>>10)
	}
	if size > int64(m.left) {
		return "", errors.New("this page has enough pictures already")
	}
	b, err := io.ReadAll(io.LimitReader(f, mostPicture))
	if err != nil {
		return "", errors.New("it cannot be read")
	}
	config, err := png.DecodeConfig(bytes.NewReader(b))
	if err != nil || config.Width > mostPixels || config.Height > mostPixels {
		return "", errors.New("it is no picture that can be shown")
	}
	m.left -= len(b)
	//nolint:gosec // base64 of a PNG: it has no characters that mean anything else
	return template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(b)), nil
}
