package ledger

import (
	"bytes"
	"encoding/json"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/patchlab/patchlab/lab"
)

// Filter picks entries; a zero field picks all.
type Filter struct {
	Lab     string
	Client  string
	Patch   string // a patch's name, the name of one of its files (with or without folder), or the beginning (8 digits or more) of a SHA-256 of either
	Verdict lab.Verdict
	Kinds   []Kind
	Since   time.Time
	Limit   int // the newest so many
	// Own leaves out what was merged in: paths, such as a definition's folder,
	// mean something on the host alone that entered them.
	Own bool
}

// When is the time that an entry is sorted by: a run's start, or else the time
// it was entered.
func (e *Entry) When() time.Time {
	if e.Run != nil {
		return e.Run.Started
	}
	return e.Time
}

// picks reports whether f picks e.
func (f *Filter) picks(e *Entry) bool {
	switch {
	case f.Lab != "" && e.Lab != f.Lab,
		f.Client != "" && e.Client != f.Client,
		f.Verdict != "" && (e.Run == nil || e.Run.Verdict != f.Verdict),
		len(f.Kinds) > 0 && !slices.Contains(f.Kinds, e.Kind),
		!f.Since.IsZero() && e.When().Before(f.Since):
		return false
	}
	return f.Patch == "" || e.Patch != nil && isPatch(e.Patch, f.Patch)
}

// isPatch reports whether ref is a way to name p.
func isPatch(p *lab.PatchRecord, ref string) bool {
	sum := strings.ToLower(ref)
	if len(sum) < 8 || strings.Trim(sum, "0123456789abcdef") != "" {
		sum = ""
	}
	is := func(name, sha256 string) bool {
		return name == ref || path.Base(name) == ref || sum != "" && strings.HasPrefix(sha256, sum)
	}
	if is(p.Name, p.SHA256) {
		return true
	}
	return slices.ContainsFunc(p.Files, func(file lab.FileRecord) bool { return is(file.Name, file.SHA256) })
}

// sieve tells quickly which lines f can pick, so that the others need not be
// decoded. It relies on how patchlab writes a line; what passes is looked at
// properly afterwards.
type sieve struct {
	all   [][]byte   // every one of these is in the line
	any   [][][]byte // and one of each of these
	since time.Time
}

func (f *Filter) sieve() sieve {
	s := sieve{since: f.Since}
	field := func(name, value string) []byte { return append([]byte(`"`+name+`":`), quoted(value)...) }
	if f.Lab != "" {
		s.all = append(s.all, field("lab", f.Lab))
	}
	if f.Client != "" {
		s.all = append(s.all, field("client", f.Client))
	}
	if f.Verdict != "" {
		s.all = append(s.all, field("verdict", string(f.Verdict)))
	}
	if f.Patch != "" {
		name := quoted(f.Patch)
		s.any = append(s.any, [][]byte{name[1 : len(name)-1], []byte(strings.ToLower(f.Patch))})
	}
	if len(f.Kinds) > 0 {
		var kinds [][]byte
		for _, k := range f.Kinds {
			kinds = append(kinds, field("kind", string(k)))
		}
		s.any = append(s.any, kinds)
	}
	return s
}

func quoted(s string) []byte {
	text, _ := json.Marshal(s) //nolint:errchkjson // a text
	return text
}

// lets reports whether f may pick a line, whose time is given.
func (s *sieve) lets(line []byte, when time.Time) bool {
	for _, part := range s.all {
		if !bytes.Contains(line, part) {
			return false
		}
	}
	for _, parts := range s.any {
		if !slices.ContainsFunc(parts, func(part []byte) bool { return bytes.Contains(line, part) }) {
			return false
		}
	}
	return s.since.IsZero() || when.IsZero() || !when.Before(s.since)
}

// whenOf is the entry's When, taken from its line without decoding it; zero
// when it is not where patchlab writes it. Inside a text the quotes would be
// escaped, so the names of the fields are found nowhere else.
func whenOf(line []byte) time.Time {
	for _, field := range []string{`"started":"`, `"time":"`} {
		_, rest, ok := bytes.Cut(line, []byte(field))
		if !ok {
			continue
		}
		text, _, _ := bytes.Cut(rest[:min(len(rest), 40)], []byte{'"'})
		var t time.Time
		if t.UnmarshalText(text) == nil {
			return t
		}
	}
	return time.Time{}
}
