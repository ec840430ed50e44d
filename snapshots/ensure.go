package snapshots

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/patchlab/patchlab/lab"
)

// EnsureImage returns the image in the store, and makes it when it is not
// there. Equal recipes and equal files give one image, which is made once
// even when several processes ask at the same time: the others wait, as p
// tells. When it fails or ctx ends, nothing is left but the build's log.
// A Progress of nil is allowed.
func (s *Store) EnsureImage(ctx context.Context, img *lab.Image, p lab.Progress) (Image, error) {
	p = lab.Quiet(p)
	key, fn := "", s.build
	if img.Build != nil {
		key = recipeKey(img.Build)
	} else {
		sum, err := s.sourceSum(ctx, img, p)
		if err != nil {
			return Image{}, err
		}
		key, fn = "source-"+sum, s.importSource
	}
	if have, ok, err := s.byRecipe(key); ok || err != nil {
		return have, err
	}
	why := fmt.Sprintf("waiting for another patchlab that makes image %q", img.Name)
	unlock, err := s.lock(ctx, "image-"+key, p, why)
	if err != nil {
		return Image{}, err
	}
	defer unlock()
	if have, ok, err := s.byRecipe(key); ok || err != nil {
		return have, err
	}
	return s.makeImage(ctx, img, key, fn, p)
}

// byRecipe finds an image by what it was made by.
func (s *Store) byRecipe(key string) (Image, bool, error) {
	list, err := s.images()
	if err != nil {
		return Image{}, false, err
	}
	for _, img := range list {
		if img.Recipe == key {
			return img, true, nil
		}
	}
	return Image{}, false, nil
}

// maker makes the disk of an image as a qcow2 file in the folder work.
type maker func(ctx context.Context, img *lab.Image, work string, p lab.Progress) (disk string, err error)

// makeImage runs a maker in a folder of its own and adopts what it made.
func (s *Store) makeImage(ctx context.Context, img *lab.Image, key string, fn maker, p lab.Progress) (_ Image, err error) {
	work, j, err := s.newPart()
	if err != nil {
		return Image{}, err
	}
	defer func() {
		left := s.removePart(context.WithoutCancel(ctx), work)
		if left == nil {
			left = j.end()
		}
		err = errors.Join(err, left, j.release())
	}()
	made, err := fn(ctx, img, work, p)
	if err != nil {
		return Image{}, err
	}
	out := Image{Name: img.Name, Recipe: key, Source: img.Source, Created: s.now().UTC().Truncate(1e9), Format: "qcow2"}
	if img.Build != nil {
		out.Packages = sortedSet(img.Build.Packages)
	}
	err = ticking(p, "naming the image by its content", func() error { return s.measure(ctx, made, &out, p) })
	if err != nil {
		return Image{}, err
	}
	final := filepath.Join(work, "final")
	if err := os.Mkdir(final, 0o700); err != nil {
		return Image{}, fmt.Errorf("cannot make folder: %w", err)
	}
	disk := filepath.Join(final, imageDisk)
	if err := os.Rename(made, disk); err != nil {
		return Image{}, fmt.Errorf("cannot keep image: %w", err)
	}
	return s.adopt(disk, out)
}

// measure fills in what a finished disk itself tells.
func (s *Store) measure(ctx context.Context, disk string, out *Image, p lab.Progress) error {
	info, err := s.diskInfo(ctx, disk)
	if err != nil {
		return err
	}
	out.VirtualBytes = info.VirtualSize
	out.SHA256, out.Size, err = hashFile(ctx, disk, p)
	return err
}
