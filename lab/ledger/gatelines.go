package ledger

import (
	"fmt"
	"path/filepath"
)

// fewFiles is up to how many files the lines of the ledger are searched for
// each of them; for more, all entries of the lab are decoded.
const fewFiles = 16

// entriesAbout are the entries of a lab that can say something of files,
// newest first: those with one of their sums, which are all of the patches
// that a file is in, and those with their names or packages, by which other
// bytes are recognised; and what was removed. No files: all that are about
// patches.
func (s *shelf) entriesAbout(labName string, files []given) ([]Entry, error) {
	f := Filter{Lab: labName, Kinds: []Kind{Run, Approve, Reject, Prune}}
	if len(files) == 0 || len(files) > fewFiles {
		return s.entries(f)
	}
	sieve := f.sieve()
	sieve.any = append(sieve.any, wordsOf(files))
	var lines []line
	for _, b := range s.books {
		for i, text := range b.lines {
			if when := whenOf(text); sieve.lets(text, when) {
				lines = append(lines, line{b, i + 1, text, when})
			}
		}
	}
	all, err := decode(lines)
	if err != nil {
		return nil, err
	}
	out := []Entry{}
	for i := range all {
		if f.picks(&all[i]) {
			out = append(out, all[i])
		}
	}
	sortNewest(out)
	return out, nil
}

// wordsOf are texts of which one is in every line that entriesAbout wants.
func wordsOf(files []given) [][]byte {
	words := [][]byte{fmt.Appendf(nil, `"kind":%q`, Prune)}
	for _, f := range files {
		// The name's end as JSON has it, with the quote that follows.
		words = append(words, []byte(f.SHA256), quoted(filepath.Base(f.Name))[1:])
		if f.Package != "" {
			words = append(words, append([]byte(`"package":`), quoted(f.Package)...))
		}
	}
	return words
}
