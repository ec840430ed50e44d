package state

import (
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

const (
	maxFetch   = 8 << 20 // bytes of files that are fetched, in all
	fetchEach  = 1 << 20 // bytes of the largest file that is fetched
	tarCommand = "LC_ALL=C exec tar -cPf - --format=gnu --numeric-owner --hard-dereference --null --no-recursion -T -"
	sumCommand = "export LC_ALL=C; exec xargs -0 sha256sum"
)

// contents hashes the regular files among files and adds all of them.
func (l linux) contents(ctx context.Context, g lab.Guest, st *stock, files []*file, p lab.Progress) error {
	want := map[string]*file{}
	for _, f := range files {
		if f.kind == "file" && f.size <= maxBig {
			want[f.path] = f
		}
	}
	if fetch := toFetch(files); len(fetch) > 0 {
		p.Step(fmt.Sprintf("reading %d watched files", len(fetch)))
		if err := l.fetch(ctx, g, st, fetch, want); err != nil {
			return err
		}
	}
	var rest []*file
	for _, f := range files {
		if want[f.path] == f && f.sum == "" {
			rest = append(rest, f)
		}
	}
	if len(rest) > 0 {
		p.Step(fmt.Sprintf("hashing %d watched files", len(rest)))
		if err := l.hash(ctx, g, st, rest, want); err != nil {
			return err
		}
	}
	for _, f := range files {
		st.set(lab.StateFile, f.path, f.value())
	}
	return nil
}

// toFetch chooses the files whose content is fetched: those that could be a
// text that is kept come first, in the order of their names.
func toFetch(files []*file) (fetch []*file) {
	sorted := slices.Clone(files)
	slices.SortStableFunc(sorted, func(a, b *file) int {
		return cmp.Or(cmp.Compare(min(1, a.size/(maxText+1)), min(1, b.size/(maxText+1))), cmp.Compare(a.path, b.path))
	})
	room := int64(maxFetch)
	for _, f := range sorted {
		if f.kind == "file" && f.size <= fetchEach && f.size <= room {
			room -= f.size
			fetch = append(fetch, f)
		}
	}
	return fetch
}

// names are the paths of files on the machine, each with a NUL behind it.
func (l linux) names(files []*file) io.Reader {
	var b strings.Builder
	for _, f := range files {
		b.WriteString(l.root + f.path + "\x00")
	}
	return strings.NewReader(b.String())
}

// fetch reads files as a tar stream, hashes them here and keeps texts.
func (l linux) fetch(ctx context.Context, g lab.Guest, st *stock, files []*file, want map[string]*file) error {
	most := 1 << 20
	for _, f := range files {
		most += int(f.size) + 2048 + 2*len(f.path)
	}
	got, out, late, err := run(ctx, g, lab.Command{Shell: tarCommand, Stdin: l.names(files), Timeout: filesTimeout}, most)
	if err != nil {
		return err
	}
	err = l.untar(st, got.data, want)
	switch {
	case late != nil:
		err = late
	case got.cut:
		err = errors.New("they grew while they were read")
	case out.ExitCode != 0:
		err = exitError(out)
	}
	if err != nil {
		st.gap("contents of some watched files", err.Error())
	}
	return nil
}

// untar reads the files that are in data as a whole.
func (l linux) untar(st *stock, data []byte, want map[string]*file) error {
	for r := tar.NewReader(bytes.NewReader(data)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil && !errors.Is(err, tar.ErrInsecurePath) { // nothing is written anywhere
			return fmt.Errorf("tar's output: %w", err)
		}
		f := want[strings.TrimPrefix(h.Name, l.root)]
		if f == nil || h.Typeflag != tar.TypeReg || h.Size > maxBig {
			continue
		}
		content, err := io.ReadAll(io.LimitReader(r, maxBig))
		if err != nil {
			return fmt.Errorf("tar's output: %w", err)
		}
		sum := sha256.Sum256(content)
		f.sum = hex.EncodeToString(sum[:])
		if !secret(f.path, content) {
			st.text(lab.StateFile, f.path, content)
		}
	}
}

// hash has files hashed on the machine.
func (l linux) hash(ctx context.Context, g lab.Guest, st *stock, files []*file, want map[string]*file) error {
	most := 1 << 20
	for _, f := range files {
		most += 72 + 2*len(l.root+f.path)
	}
	got, out, late, err := run(ctx, g, lab.Command{Shell: sumCommand, Stdin: l.names(files), Timeout: filesTimeout}, most)
	if err != nil {
		return err
	}
	readSums(got.data, func(sum, path string) {
		if f := want[strings.TrimPrefix(path, l.root)]; f != nil {
			f.sum = sum
		}
	})
	if late == nil && out.ExitCode != 0 {
		late = exitError(out)
	}
	if late != nil {
		st.gap("hashes of some watched files", late.Error())
	}
	return nil
}

var sumLine = regexp.MustCompile(`(?m)^(\\?)([0-9a-f]{64}) [ *](.+)\n`)

// readSums reads what sha256sum prints: a backslash first says that there are
// some in the name.
func readSums(data []byte, add func(sum, path string)) {
	for _, m := range sumLine.FindAllSubmatch(data, -1) {
		name := string(m[3])
		if len(m[1]) > 0 {
			name = strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\r`, "\r").Replace(name)
		}
		add(string(m[2]), name)
	}
}

// exitError says how a command failed, with the last line of what it says.
func exitError(out lab.Output) error {
	said := strings.TrimSpace(string(out.Stderr))
	said = said[strings.LastIndexByte(said, '\n')+1:]
	if out.Signal != "" {
		return fmt.Errorf("killed by signal %s: %s", out.Signal, said)
	}
	return fmt.Errorf("exit code %d: %s", out.ExitCode, said)
}
