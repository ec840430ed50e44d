package snapshots

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/patchlab/patchlab/lab"
)

// Image is an immutable base disk in the store.
type Image struct {
	SHA256       string    `json:"sha256"`           // of the disk's file, lower-case hex: its name
	Name         string    `json:"name"`             // as the definition that it was first made for calls it
	Recipe       string    `json:"recipe"`           // what it was made by: see recipeKey and sourceKey
	Source       string    `json:"source,omitempty"` // the file that it was taken from
	Packages     []string  `json:"packages,omitempty"`
	Created      time.Time `json:"created"`
	Format       string    `json:"format"`        // "qcow2"
	VirtualBytes int64     `json:"virtual_bytes"` // as the machine sees it
	Size         int64     `json:"size"`          // of the file
	Path         string    `json:"-"`             // absolute
	Users        []string  `json:"-"`             // what stands on it, such as "instance 1a2b3c4d"; of Images alone
}

const (
	imageDisk = "disk.qcow2"
	imageFile = "image.json"
)

// minRef is the shortest piece of a hash that names an image.
const minRef = 6

// image reads one image of the store.
func (s *Store) image(sha256 string) (Image, error) {
	dir := s.imageDir(sha256)
	b, err := os.ReadFile(filepath.Join(dir, imageFile))
	if err != nil {
		return Image{}, fmt.Errorf("cannot read image: %w", err)
	}
	var img Image
	if err := json.Unmarshal(b, &img); err != nil {
		return Image{}, fmt.Errorf("cannot read image %s: %w", dir, err)
	}
	img.Path = filepath.Join(dir, imageDisk)
	info, err := os.Stat(img.Path)
	switch {
	case err != nil:
		return Image{}, fmt.Errorf("cannot read image: %w", err)
	case img.SHA256 != sha256:
		return Image{}, fmt.Errorf("cannot use image %s: it describes itself as %q", dir, img.SHA256)
	case info.Size() != img.Size:
		return Image{}, fmt.Errorf("cannot use image %s: its disk has %d bytes instead of %d", dir, info.Size(), img.Size)
	}
	return img, nil
}

// images lists the images of the store, oldest first. What is not one, such
// as a folder that is just being removed, is left out.
func (s *Store) images() ([]Image, error) {
	entries, err := os.ReadDir(s.imagesDir())
	if err != nil {
		return nil, fmt.Errorf("cannot list images: %w", err)
	}
	var list []Image
	for _, e := range entries {
		if !validName.MatchString(e.Name()) || len(e.Name()) != 64 {
			continue
		}
		if img, err := s.image(e.Name()); err == nil {
			list = append(list, img)
		}
	}
	slices.SortStableFunc(list, func(a, b Image) int { return a.Created.Compare(b.Created) })
	return list, nil
}

// Images lists the images of the store, oldest first, with what stands on
// them.
func (s *Store) Images(ctx context.Context) ([]Image, error) {
	list, err := s.images()
	if err != nil {
		return nil, err
	}
	users, err := s.imageUsers(ctx)
	if err != nil {
		return nil, err
	}
	for i := range list {
		list[i].Users = users[list[i].SHA256]
	}
	return list, nil
}

// useImage notes that an image is in use: it is kept for longer.
func (s *Store) useImage(img Image) {
	now := s.now()
	_ = os.Chtimes(filepath.Join(filepath.Dir(img.Path), imageFile), now, now) // it is only kept for less long
}

// imageUsed is when an image was last used.
func (s *Store) imageUsed(img Image) time.Time {
	info, err := os.Stat(filepath.Join(filepath.Dir(img.Path), imageFile))
	if err != nil {
		return s.now()
	}
	return info.ModTime()
}

// imageUsers returns what stands on each image: ids of instances, and ready
// states.
func (s *Store) imageUsers(ctx context.Context) (map[string][]string, error) {
	instances, err := s.Instances(ctx)
	if err != nil {
		return nil, err
	}
	users := map[string][]string{}
	for _, i := range instances {
		for _, img := range i.Images {
			if name := "instance " + i.Spec.ID; !slices.Contains(users[img.SHA256], name) {
				users[img.SHA256] = append(users[img.SHA256], name)
			}
		}
	}
	states, err := s.readyStates()
	if err != nil {
		return nil, err
	}
	for _, r := range states {
		for _, m := range r.Machines {
			if name := fmt.Sprintf("ready state %.12s of lab %s", r.Key, r.Lab); !slices.Contains(users[m.Image], name) {
				users[m.Image] = append(users[m.Image], name)
			}
		}
	}
	return users, nil
}

// RemoveImage removes the image that ref means: the first six or more digits
// of its hash, or its name. One that an instance uses gives a *lab.BusyError;
// an unknown or ambiguous ref a *lab.UsageError.
func (s *Store) RemoveImage(ctx context.Context, ref string) (Image, error) {
	unlock, err := s.lock(ctx, useLock, nil, "")
	if err != nil {
		return Image{}, err
	}
	defer unlock()
	list, err := s.Images(ctx)
	if err != nil {
		return Image{}, err
	}
	img, err := findImage(list, ref)
	if err != nil {
		return Image{}, err
	}
	if len(img.Users) > 0 {
		return img, &lab.BusyError{
			What:   fmt.Sprintf("image %q (%.12s)", img.Name, img.SHA256),
			Holder: strings.Join(img.Users, ", "),
		}
	}
	return img, s.dropImage(img)
}

// dropImage removes an image in two steps, so that a half-removed one is not
// taken for whole.
func (s *Store) dropImage(img Image) error {
	return s.drop(s.imageDir(img.SHA256), "image")
}

// drop removes a folder of the store, which is first given the name of what
// is unfinished.
func (s *Store) drop(dir, step string) error {
	j, err := s.newJournal()
	if err != nil {
		return err
	}
	gone := filepath.Join(filepath.Dir(dir), partPrefix+j.id)
	if err := j.intend(intent{Step: step, Path: gone}); err != nil {
		return errors.Join(err, j.end())
	}
	if err := os.Rename(dir, gone); err != nil {
		return errors.Join(fmt.Errorf("cannot remove %s: %w", dir, err), j.end())
	}
	if err := os.RemoveAll(gone); err != nil {
		return errors.Join(fmt.Errorf("cannot remove %s: %w", dir, err), j.release())
	}
	return j.end()
}

// findImage returns the one image that ref means.
func findImage(list []Image, ref string) (Image, error) {
	var found []Image
	for _, img := range list {
		if img.Name == ref || (len(ref) >= minRef && strings.HasPrefix(img.SHA256, strings.ToLower(ref))) {
			found = append(found, img)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return Image{}, &lab.UsageError{
			Err:  fmt.Errorf("there is no image %q", ref),
			Hint: "patchlab image list",
		}
	}
	var which []string
	for _, img := range found {
		which = append(which, fmt.Sprintf("%.12s (%s)", img.SHA256, img.Name))
	}
	return Image{}, &lab.UsageError{
		Err:  fmt.Errorf("%q means %d images: %s", ref, len(found), strings.Join(which, ", ")),
		Hint: "name one by the digits",
	}
}
