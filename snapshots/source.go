package snapshots

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/patchlab/patchlab/lab"
)

// importSource makes the disk of an image that is taken from a file. It is a
// maker.
func (s *Store) importSource(ctx context.Context, img *lab.Image, work string, p lab.Progress) (string, error) {
	fail := func(err error) (string, error) {
		return "", fmt.Errorf("cannot import image %q from %s: %w", img.Name, img.Source, err)
	}
	info, err := s.diskInfo(ctx, img.Source)
	if err != nil {
		return fail(err)
	}
	if err := info.standsAlone(img.Source); err != nil {
		return fail(&lab.UsageError{Err: err, Hint: "give a single file: qemu-img convert -O qcow2 OLD NEW"})
	}
	disk := filepath.Join(work, imageDisk)
	err = ticking(p, "importing "+filepath.Base(img.Source), func() error {
		return s.convert(ctx, img.Source, info.Format, disk)
	})
	if err != nil {
		return fail(err)
	}
	return disk, nil
}

// convert writes the disk src, of a format that was looked at before, as a
// qcow2 file without compression, which clones read from fastest.
func (s *Store) convert(ctx context.Context, src, format, dst string) error {
	var said tail
	err := s.run.Run(ctx, Tool{
		Name: "qemu-img", Args: []string{"convert", "-f", format, "-O", "qcow2", "--", src, dst},
		Stderr: &said,
	})
	if err != nil {
		return toolError("convert a disk", err, &said)
	}
	return nil
}

// diskInfo is what qemu-img info tells of a disk.
type diskInfo struct {
	Format      string `json:"format"`
	VirtualSize int64  `json:"virtual-size"`
	Backing     string `json:"backing-filename"`
	Specific    struct {
		Data struct {
			DataFile string `json:"data-file"`
			Extents  []struct {
				Filename string `json:"filename"`
			} `json:"extents"`
		} `json:"data"`
	} `json:"format-specific"`
}

func (s *Store) diskInfo(ctx context.Context, path string) (diskInfo, error) {
	var out bytes.Buffer
	var said tail
	err := s.run.Run(ctx, Tool{
		Name: "qemu-img", Args: []string{"info", "--output=json", "--", path},
		Stdout: &out, Stderr: &said,
	})
	if err != nil {
		return diskInfo{}, toolError("look at a disk", err, &said)
	}
	var info diskInfo
	if err := json.Unmarshal(out.Bytes(), &info); err != nil {
		return diskInfo{}, fmt.Errorf("cannot read what qemu-img tells of %s: %w", path, err)
	}
	return info, nil
}

// diskFormats are those that are imported.
var diskFormats = []string{"qcow2", "raw", "vhdx", "vmdk", "vpc"}

// standsAlone refuses a disk that makes QEMU open further files: it could
// name any file of this host.
func (i diskInfo) standsAlone(path string) error {
	if !slices.Contains(diskFormats, i.Format) {
		return fmt.Errorf("disk format %q is not one of %v", i.Format, diskFormats)
	}
	if i.Backing != "" {
		return fmt.Errorf("it is an overlay of another disk, %q", i.Backing)
	}
	if i.Specific.Data.DataFile != "" {
		return fmt.Errorf("its data is in another file, %q", i.Specific.Data.DataFile)
	}
	for _, e := range i.Specific.Data.Extents {
		if filepath.Clean(e.Filename) != filepath.Clean(path) {
			return fmt.Errorf("its data is in another file, %q", e.Filename)
		}
	}
	return nil
}
