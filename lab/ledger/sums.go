package ledger

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// sums are the hashes of the files of a run's folder by path.
type sums map[string]string

// WriteSums writes dir/SHA256SUMS: a line "<sha256>  <path>" for each other
// regular file below dir, sorted by path, hidden files at the top left out. A
// path with a backslash or line end is written as sha256sum(1) does. What is
// neither file nor folder is an error: it could not be vouched for. All of it is
// on the disk before the list is: an entry must not outlive what it vouches for.
func WriteSums(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return hostError("list the run's files", err)
	}
	defer root.Close()
	paths, odd, err := filesBelow(root)
	if err == nil && len(odd) > 0 {
		err = &fs.PathError{Op: "list", Path: odd[0], Err: errIrregular}
	}
	if err != nil {
		return hostError("list the run's files", err)
	}
	var text bytes.Buffer
	for _, path := range paths {
		if path == sumsFile || path[0] == '.' {
			continue
		}
		sum, err := fileSum(context.Background(), root, path)
		if err != nil {
			return hostError("list the run's files", err)
		}
		text.WriteString(sumLine(sum, path))
	}
	err = settle(root)
	if err == nil {
		err = replaceFile(filepath.Join(dir, sumsFile), text.Bytes())
	}
	if err == nil {
		err = syncDir(dir)
	}
	if err != nil {
		return hostError("list the run's files", err)
	}
	return nil
}

// settle makes the files and folders below root last.
func settle(root *os.Root) error {
	return fs.WalkDir(root.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() && !d.Type().IsRegular() {
			return err
		}
		f, err := root.Open(path)
		if err != nil {
			return err
		}
		return errors.Join(f.Sync(), f.Close())
	})
}

// filesBelow lists the regular files below root, sorted, and what is neither
// file nor folder.
func filesBelow(root *os.Root) (paths, odd []string, err error) {
	err = fs.WalkDir(root.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
		case d.Type().IsRegular():
			paths = append(paths, path)
		default:
			odd = append(odd, path)
		}
		return nil
	})
	slices.Sort(paths)
	return paths, odd, err
}

// fileSum is the hash of a file. It ends with ctx: another host's file may be
// of any size.
func fileSum(ctx context.Context, root *os.Root, path string) (string, error) {
	f, err := openRegular(root, path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, until(ctx, f)); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// reading is a reader's Read.
type reading func([]byte) (int, error)

func (r reading) Read(b []byte) (int, error) { return r(b) }

// until reads r until ctx ends.
func until(ctx context.Context, r io.Reader) io.Reader {
	return reading(func(b []byte) (int, error) {
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		return r.Read(b)
	})
}

// sumLine writes a path as GNU sha256sum does: with a backslash at the
// line's beginning where there are escapes in it.
func sumLine(sum, path string) string {
	if !strings.ContainsAny(path, "\\\n\r") {
		return sum + "  " + path + "\n"
	}
	return `\` + sum + "  " + strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`).Replace(path) + "\n"
}

// parseSums reads SHA256SUMS. Only what WriteSums can have written is
// accepted, paths that lead out of the folder are not.
func parseSums(text []byte) (sums, error) {
	out := sums{}
	scan := bufio.NewScanner(bytes.NewReader(text))
	scan.Buffer(nil, maxLine)
	for n := 1; scan.Scan(); n++ {
		line := scan.Text()
		line, escaped := strings.CutPrefix(line, `\`)
		sum, path, ok := strings.Cut(line, "  ")
		if escaped {
			path = strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\r`, "\r").Replace(path)
		}
		if _, err := hex.DecodeString(sum); err != nil || len(sum) != 2*sha256.Size || !ok ||
			!filepath.IsLocal(path) || filepath.Clean(path) != path || path == sumsFile || path[0] == '.' {
			return nil, fmt.Errorf("line %d is not of a file of the run", n)
		}
		out[path] = sum
	}
	if err := scan.Err(); err != nil {
		return nil, err
	}
	if _, ok := out[recordFile]; !ok {
		return nil, errors.New("it does not list " + recordFile)
	}
	return out, nil
}
