package state

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// Limits of the watched files of a machine. A watched path that goes beyond
// one in all is left out as a whole, or else one more file would push another
// one out of sight.
const (
	maxFiles = 20_000    // all that find lists
	maxHash  = 256 << 20 // bytes of the files
	maxBig   = 64 << 20  // of a larger file, only the size is looked at
	maxList  = 8 << 20   // bytes of one watched path's list
)

// ignored files say nothing whatever becomes of them.
var ignored = []string{"/etc/.pwd.lock"}

// file is one watched file.
type file struct {
	path  string
	kind  string // "file", "dir", "link", …
	mode  string // octal, with a leading zero
	owner string // "user:group"; as find lists it, in numbers
	size  int64
	link  string // target
	sum   string // SHA-256, once it is known
}

// value is the item's value.
func (f *file) value() string {
	v := f.kind + " " + f.mode + " " + f.owner
	switch {
	case f.kind == "link":
		return v + " " + f.link
	case f.kind != "file":
		return v
	case f.size > maxBig:
		return fmt.Sprintf("%s %d bytes", v, f.size)
	case f.sum == "":
		return lab.NotLookedAt
	}
	return v + " " + f.sum
}

// cleanPaths are paths once each.
func cleanPaths(paths []string) []string {
	var out []string
	for _, p := range paths {
		if p = path.Clean("/" + p); !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}

// list reads the lists of the watched paths, and returns the files in them.
func (l linux) list(st *stock, frames map[string]frame, paths []string) []*file {
	st.looked(lab.StateFile)
	var all []*file
	known := map[string]bool{}
	names := namesOfOwners(frames["lines"].data)
	size := int64(0)
	for i, p := range paths {
		f, ok := frames[fmt.Sprintf("files:%d", i)]
		files, bytes, err := l.listed(f, ok)
		if err == nil && len(all)+len(files) > maxFiles {
			err = fmt.Errorf("more than %d files in all", maxFiles)
		}
		if err == nil && size+bytes > maxHash {
			err = fmt.Errorf("more than %d MiB in all", maxHash>>20)
		}
		if err != nil {
			st.gap("files below "+p, err.Error())
			st.set(lab.StateFile, p, lab.NotLookedAt)
			continue
		}
		if f.said != "" {
			st.gap("some files below "+p, f.said)
		}
		size += bytes
		for _, f := range files {
			if !known[f.path] && !slices.Contains(ignored, f.path) {
				known[f.path] = true
				f.owner = names(f.owner)
				all = append(all, f)
			}
		}
	}
	return all
}

// listed reads one list; bytes is what there is to hash in it.
func (l linux) listed(f frame, ok bool) (files []*file, bytes int64, err error) {
	switch {
	case !ok:
		return nil, 0, errors.New("the machine has not come to it")
	case f.fault() != "":
		return nil, 0, errors.New(f.fault())
	case len(f.data) == 0 && f.said != "":
		return nil, 0, errors.New(f.said)
	case len(f.data) >= maxList:
		return nil, 0, fmt.Errorf("their list is longer than %d MiB", maxList>>20)
	}
	fields := strings.Split(string(f.data), "\x00")
	for ; len(fields) > 6; fields = fields[6:] {
		size, err := strconv.ParseInt(fields[3], 10, 64)
		if err != nil || size < 0 {
			return nil, 0, errors.New("their list is no list")
		}
		w := &file{
			kind: kindOf(fields[0]), mode: modeOf(fields[1]), owner: fields[2], size: size,
			path: strings.TrimPrefix(fields[4], l.root), link: fields[5],
		}
		if w.path == "" {
			w.path = "/"
		}
		if w.kind == "file" && size <= maxBig {
			bytes += size
		}
		files = append(files, w)
	}
	if len(fields) != 1 || fields[0] != "" {
		return nil, 0, errors.New("their list breaks off")
	}
	return files, bytes, nil
}

// kindOf names what find's %y is.
func kindOf(letter string) string {
	switch letter {
	case "f":
		return "file"
	case "d":
		return "dir"
	case "l":
		return "link"
	case "s":
		return "socket"
	case "p":
		return "fifo"
	case "c", "b":
		return "device"
	}
	return "other"
}

// modeOf gives an octal mode four digits or more.
func modeOf(octal string) string {
	n, err := strconv.ParseUint(octal, 8, 32)
	if err != nil {
		return "?"
	}
	return fmt.Sprintf("%04o", n)
}
