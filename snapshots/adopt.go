package snapshots

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
)

// adopt moves the finished disk file into the store and describes it. A disk
// with the same content that is there already is used instead.
func (s *Store) adopt(disk string, img Image) (Image, error) {
	dir := filepath.Dir(disk)
	if err := s.own.mkdir(dir); err != nil {
		return Image{}, err
	}
	if err := os.Chmod(disk, 0o444); err != nil { //nolint:gosec // QEMU's user reads it
		return Image{}, fmt.Errorf("cannot protect image: %w", err)
	}
	b, err := json.MarshalIndent(img, "", "  ")
	if err != nil {
		return Image{}, fmt.Errorf("cannot describe image: %w", err)
	}
	if err := renameio.WriteFile(filepath.Join(dir, imageFile), append(b, '\n'), 0o644); err != nil {
		return Image{}, fmt.Errorf("cannot describe image: %w", err)
	}
	err = os.Rename(dir, s.imageDir(img.SHA256))
	if errors.Is(err, fs.ErrExist) {
		return s.replace(dir, img)
	}
	if err != nil {
		return Image{}, fmt.Errorf("cannot keep image: %w", err)
	}
	return s.image(img.SHA256)
}

// replace keeps the image that is there already; one that is broken gives
// way.
func (s *Store) replace(dir string, img Image) (Image, error) {
	if old, err := s.image(img.SHA256); err == nil {
		return old, nil
	}
	if err := s.dropImage(img); err != nil {
		return Image{}, err
	}
	if err := os.Rename(dir, s.imageDir(img.SHA256)); err != nil {
		return Image{}, fmt.Errorf("cannot keep image: %w", err)
	}
	return s.image(img.SHA256)
}
