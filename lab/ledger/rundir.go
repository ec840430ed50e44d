package ledger

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// ReadRecord reads the run record in dir. A record of a newer version is a
// *lab.UsageError. Its Dir is where it was found, which is another folder than
// it was made in when it was taken over from another host. It does not compare
// it with the ledger: see Check.
func ReadRecord(dir string) (*lab.Record, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, hostError("read the run record", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, hostError("read the run record", err)
	}
	defer root.Close()
	text, err := readSmall(root, recordFile, maxRecord)
	if err != nil {
		return nil, hostError("read the run record in "+dir, err)
	}
	var version struct {
		Version int `json:"version"`
	}
	rec := &lab.Record{}
	if json.Unmarshal(text, &version) == nil && version.Version > lab.RecordVersion {
		return nil, &lab.UsageError{
			Err:  fmt.Errorf("the run record in %s has version %d, and this patchlab knows version %d at most", dir, version.Version, lab.RecordVersion),
			Hint: "read it with the patchlab that wrote it, or a newer one",
		}
	}
	if err := json.Unmarshal(text, rec); err != nil {
		return nil, hostError("read the run record in "+dir, err)
	}
	rec.Dir = dir
	return rec, nil
}

// RunDir finds the record's folder of a run by its id, the unambiguous
// beginning of one, a lab's name (its newest run), or the folder's path.
// Nothing or more than one found is a *lab.UsageError that names what is near.
func (g *Ledger) RunDir(ref string) (string, error) {
	if ref == "" {
		return "", usage("which run? Its id, the beginning of one, a lab's name or a folder is wanted", "")
	}
	dir, err := filepath.Abs(ref)
	if err == nil && isRun(dir) {
		return dir, nil
	}
	if strings.ContainsRune(ref, filepath.Separator) {
		return "", usage(fmt.Sprintf("%s holds no run record (%s)", lab.Printable(ref, 300), recordFile), "")
	}
	runs, err := g.kept()
	if err != nil {
		return "", err
	}
	var byLab, begins []keptRun
	for _, r := range runs {
		named, begin := r.lab == ref && byLab == nil, strings.HasPrefix(r.id, ref)
		if (named || begin) && isRun(g.dirOf(r)) {
			if named {
				byLab = append(byLab, r)
			}
			if begin {
				begins = append(begins, r)
			}
		}
	}
	exact := slices.DeleteFunc(slices.Clone(begins), func(r keptRun) bool { return r.id != ref })
	switch {
	case len(exact) == 1:
		return g.dirOf(exact[0]), nil
	case len(byLab) > 0:
		return g.dirOf(byLab[0]), nil
	case len(begins) == 1:
		return g.dirOf(begins[0]), nil
	case len(begins) > 1:
		return "", usage(fmt.Sprintf("%q is the beginning of %d runs", ref, len(begins)), "one of "+names(begins))
	}
	return "", usage(fmt.Sprintf("there is no run %q, and no lab of that name has one", ref), nearest(ref, runs))
}

func usage(text, hint string) error { return &lab.UsageError{Err: errors.New(text), Hint: hint} }

// keptRun is a run whose folder is here.
type keptRun struct{ lab, id string }

func (g *Ledger) dirOf(r keptRun) string { return filepath.Join(g.Runs, r.lab, r.id) }

func isRun(dir string) bool {
	info, err := os.Lstat(filepath.Join(dir, recordFile))
	return err == nil && info.Mode().IsRegular()
}

// kept lists the runs whose folders are here, newest first: ids begin with the
// time of the start.
func (g *Ledger) kept() ([]keptRun, error) {
	labs, err := os.ReadDir(g.Runs)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, hostError("read the run records", err)
	}
	var out []keptRun
	for _, l := range labs {
		if !l.IsDir() {
			continue
		}
		list, err := g.keptOf(l.Name())
		if err != nil {
			return nil, err
		}
		out = append(out, list...)
	}
	slices.SortFunc(out, func(a, b keptRun) int { return cmp.Or(cmp.Compare(b.id, a.id), cmp.Compare(a.lab, b.lab)) })
	return out, nil
}

// keptOf is kept for one lab.
func (g *Ledger) keptOf(labName string) (out []keptRun, err error) {
	if !plainName.MatchString(labName) {
		return nil, nil
	}
	list, err := os.ReadDir(filepath.Join(g.Runs, labName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, hostError("read the run records", err)
	}
	for _, r := range slices.Backward(list) {
		if r.IsDir() && plainName.MatchString(r.Name()) {
			out = append(out, keptRun{labName, r.Name()})
		}
	}
	return out, nil
}

// names lists up to three runs.
func names(runs []keptRun) string {
	var list []string
	for _, r := range runs[:min(3, len(runs))] {
		list = append(list, r.id+" of lab "+r.lab)
	}
	return strings.Join(list, ", ")
}

// nearest is the hint that names up to three runs or labs which ref may mean.
func nearest(ref string, runs []keptRun) string {
	ranks := map[string]int{}
	for _, r := range runs {
		for _, name := range []string{r.lab, r.id} {
			if _, ok := ranks[name]; !ok {
				ranks[name] = distance(ref, name)
			}
		}
	}
	var near []string
	for name, d := range ranks {
		if d <= max(2, len(ref)/3) {
			near = append(near, name)
		}
	}
	if len(near) == 0 {
		return "patchlab runs lists them"
	}
	slices.SortFunc(near, func(a, b string) int {
		return cmp.Or(cmp.Compare(ranks[a], ranks[b]), cmp.Compare(b, a)) // of two runs the newer one first
	})
	return "did you mean " + strings.Join(near[:min(3, len(near))], ", ") + "?"
}

// distance is the number of single letters to put in, take out or exchange in
// order to make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
