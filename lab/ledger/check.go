package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// Check compares a run's folder with its entry: SHA256SUMS and every file that
// it lists; extra files count too. ErrTampered names the file. A folder that
// is not here (removed, or never taken over from another host) is
// fs.ErrNotExist: Verify tells whether that is in order.
func (g *Ledger) Check(e Entry) error {
	if e.Run == nil {
		return errors.New("the entry is not of a run")
	}
	root, err := os.OpenRoot(g.Runs)
	if err != nil {
		return hostError("read the run records", err)
	}
	defer root.Close()
	problems, err := checkRun(context.Background(), root, &e)
	switch {
	case err != nil:
		return hostError("read the run record", err)
	case len(problems) > 0 && problems[0].gone:
		return &fs.PathError{Op: "open", Path: filepath.Join(g.Runs, e.Lab, e.Run.ID), Err: fs.ErrNotExist}
	case len(problems) > 0:
		return tampered(problems)
	}
	return nil
}

// checkRun says what is wrong with the folder of a run below the folder of
// all runs.
func checkRun(ctx context.Context, runs *os.Root, e *Entry) ([]Problem, error) {
	path, err := runPath(e.Lab, e.Run.ID)
	if err != nil {
		return []Problem{{Seq: e.Seq, Text: err.Error()}}, nil
	}
	problem := func(file, text string) Problem { return Problem{Seq: e.Seq, Run: path, File: file, Text: text} }
	info, err := runs.Lstat(path)
	switch {
	case broken(err):
		p := problem("", "its folder is gone, and no entry says so")
		p.gone = errors.Is(err, fs.ErrNotExist)
		return []Problem{p}, nil
	case err != nil:
		return nil, err
	case !info.IsDir():
		return []Problem{problem("", "its folder was replaced by something else")}, nil
	}
	root, err := runs.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return compareRun(ctx, root, e.Run.Sums, problem)
}

// compareRun compares the files of a run's folder with their sums.
func compareRun(ctx context.Context, root *os.Root, want string, problem func(file, text string) Problem) ([]Problem, error) {
	text, err := readSmall(root, sumsFile, maxSums)
	switch {
	case broken(err):
		return []Problem{problem(sumsFile, whatIs(err))}, nil
	case err != nil:
		return nil, err
	}
	if sum := sha256.Sum256(text); hex.EncodeToString(sum[:]) != want {
		return []Problem{problem(sumsFile, "was altered")}, nil
	}
	listed, err := parseSums(text)
	if err != nil {
		return []Problem{problem(sumsFile, err.Error())}, nil
	}
	there, odd, err := filesBelow(root)
	if err != nil {
		return nil, err
	}
	var problems []Problem
	for _, path := range slices.Concat(there, odd) {
		if _, ok := listed[path]; !ok && path != sumsFile && path != lockFile {
			problems = append(problems, problem(path, "was added"))
		}
	}
	for _, path := range slices.Sorted(maps.Keys(listed)) {
		sum, err := fileSum(ctx, root, path)
		switch {
		case broken(err):
			problems = append(problems, problem(path, whatIs(err)))
		case err != nil:
			return nil, fmt.Errorf("%s: %w", path, err)
		case sum != listed[path]:
			problems = append(problems, problem(path, "was altered"))
		}
	}
	return problems, nil
}

// whatIs says what became of a file that is broken.
func whatIs(err error) string {
	if errors.Is(err, fs.ErrNotExist) {
		return "is gone"
	}
	return "was replaced: " + err.Error()
}
