package ledger

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// zeros stands for the line before the first.
var zeros = strings.Repeat("0", sha256.Size*2)

// chain is a ledger as it stands in a folder.
type chain struct {
	id    string
	lines [][]byte // whole lines, without line ends
	size  int64    // bytes of the whole lines
	torn  bool     // behind them is the beginning of another
	head  []byte   // head.json as it stands; nil: there is none
	last  string   // hash of the last line
	// prior is the hash of the line before the last, and lags says that the
	// head is of that line: the process died before it could write the next.
	prior string
	lags  bool
}

// readChain reads the ledger in a folder, which may be missing, and follows
// its chain. It judges the end by the head; see readMerged for one that was
// taken over. Problems have no Ledger yet.
func readChain(root *os.Root, dir string) (*chain, []Problem, error) {
	c := &chain{}
	problems, err := c.read(root, dir)
	if err != nil {
		return nil, nil, err
	}
	return c, append(problems, c.follow(true)...), nil
}

// read reads the files. The head comes first: who adds to the ledger meanwhile
// makes it lag, and not be ahead.
func (c *chain) read(root *os.Root, dir string) (problems []Problem, err error) {
	file := func(name string, limit int64) []byte {
		text, e := readSmall(root, filepath.Join(dir, name), limit)
		switch {
		case errors.Is(e, fs.ErrNotExist), e == nil:
		case broken(e):
			problems = append(problems, Problem{File: name, Text: "cannot be what was written: " + e.Error()})
		default:
			err = errors.Join(err, e)
		}
		return text
	}
	c.head = file(headFile, maxSmall)
	c.split(file(linesFile, maxLines))
	return problems, err
}

// split takes the lines apart.
func (c *chain) split(text []byte) {
	c.lines = make([][]byte, 0, bytes.Count(text, []byte{'\n'}))
	for {
		n := bytes.IndexByte(text, '\n')
		if n < 0 {
			c.torn = len(text) > 0
			return
		}
		c.lines = append(c.lines, text[:n:n])
		c.size += int64(n) + 1
		text = text[n+1:]
	}
}

const (
	linePrefix = `{"prev":"`
	lineSeq    = `","seq":`
)

// prevOf returns the hash that a line begins with.
func prevOf(line []byte) (string, bool) {
	const end = len(linePrefix) + sha256.Size*2
	if len(line) < end+len(lineSeq) || string(line[:len(linePrefix)]) != linePrefix || string(line[end:end+len(lineSeq)]) != lineSeq {
		return "", false
	}
	return string(line[len(linePrefix):end]), true
}

func lineSum(line []byte) string {
	sum := sha256.Sum256(line)
	return hex.EncodeToString(sum[:])
}

// follow compares each line's hash with what the next one says it is, and,
// where it is wanted, the last one's with the head.
func (c *chain) follow(withHead bool) []Problem {
	bad := make([]bool, len(c.lines)+1) // the step to line i; the last one is to the head
	c.last = zeros
	problems := []Problem{}
	for i, line := range c.lines {
		prev, ok := prevOf(line)
		bad[i] = !ok || prev != c.last
		c.prior, c.last = c.last, lineSum(line)
		if len(line) > maxLine {
			problems = append(problems, Problem{Seq: i + 1, File: linesFile, Text: "is longer than an entry can be"})
		}
	}
	if withHead {
		atEnd := c.compareHead()
		bad[len(c.lines)] = len(atEnd) > 0
		problems = append(problems, atEnd...)
	}
	problems = append(c.blame(bad), problems...)
	if len(c.lines) > 0 {
		var first Entry
		if err := json.Unmarshal(c.lines[0], &first); err == nil && first.Kind == Begin && ledgerID.MatchString(first.Ledger) {
			c.id = first.Ledger
		} else if len(problems) == 0 {
			problems = append(problems, Problem{Seq: 1, File: linesFile, Text: "does not begin a ledger"})
		}
	}
	return problems
}

// compareHead compares the end with head.json.
func (c *chain) compareHead() []Problem {
	n := len(c.lines)
	switch {
	case bytes.Equal(c.head, headText(n, c.last)), n == 0 && c.head == nil:
		return nil
	case n > 0 && !c.torn && bytes.Equal(c.head, headText(n-1, c.prior)):
		c.lags = true
		return nil
	case c.head == nil:
		return []Problem{{File: headFile, Text: "is gone"}}
	}
	var h Head
	if err := json.Unmarshal(c.head, &h); err == nil && h.Entries > n {
		text := fmt.Sprintf("the end was cut off: there are %d of %d entries", n, h.Entries)
		return []Problem{{Seq: n + 1, File: linesFile, Text: text}}
	}
	return []Problem{{Seq: n, File: headFile, Text: "does not fit the last entry: one of the two was altered, or entries were added past it"}}
}

// blame says what is wrong at the steps of the chain that do not hold. Where
// the next step does not hold either, it is the line between the two.
func (c *chain) blame(bad []bool) (problems []Problem) {
	blamed := 0
	for i := range c.lines {
		if !bad[i] {
			continue
		}
		before, seq := 0, seqOf(c.lines[i])
		if i > 0 {
			before = seqOf(c.lines[i-1])
		}
		p := Problem{Seq: i, File: linesFile, Text: "was altered: the entry after it holds another SHA-256 of it"}
		switch {
		case before == i && seq > i+1:
			p.Seq, p.Text = i+1, fmt.Sprintf("entries %d to %d were removed or moved", i+1, seq-1)
		case seq != i+1:
			p.Seq, p.Text = i+1, fmt.Sprintf("was altered, removed or moved: in its place stands entry %d", seq)
		case i == 0 || bad[i+1]:
			p.Seq, p.Text = i+1, "was altered: it does not hold the SHA-256 of the entry before it"
		}
		if p.Seq != blamed {
			problems = append(problems, p)
		}
		blamed = p.Seq
	}
	return problems
}

// seqOf is the number that a line says it has; 0 when it says none.
func seqOf(line []byte) int {
	var e struct {
		Seq int `json:"seq"`
	}
	if json.Unmarshal(line, &e) != nil {
		return 0
	}
	return e.Seq
}

// headText is the one way that a head is written.
func headText(entries int, sum string) []byte {
	text, _ := json.Marshal(Head{Entries: entries, SHA256: sum}) //nolint:errchkjson // a number and a text
	return append(text, '\n')
}

// tampered makes an error of what was found.
func tampered(problems []Problem) error {
	p := problems[0]
	more := ""
	if n := len(problems) - 1; n > 0 {
		more = fmt.Sprintf(" (and %d more: see patchlab verify)", n)
	}
	return fmt.Errorf("%w: %s%s", ErrTampered, p, more)
}
