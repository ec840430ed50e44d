package night

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// bounded keeps what is written to it up to a limit, and swallows the rest: a
// command is not to be stopped by it.
type bounded struct {
	most int // bytes
	buf  bytes.Buffer
	more bool // there was more
}

// Write implements io.Writer. It never fails.
func (b *bounded) Write(p []byte) (int, error) {
	n := min(len(p), b.most-b.buf.Len())
	b.buf.Write(p[:n])
	b.more = b.more || n < len(p)
	return len(p), nil
}

// decode reads the one run record that a command prints.
func decode(out *bounded) (*lab.Record, error) {
	if out.more {
		return nil, errTooLong
	}
	text := bytes.TrimSpace(out.buf.Bytes())
	if len(text) == 0 {
		return nil, errNoRecord
	}
	var rec lab.Record
	if err := json.Unmarshal(text, &rec); err != nil || rec.Version != lab.RecordVersion || !isVerdict(rec.Verdict) {
		return nil, errBadRecord
	}
	return &rec, nil
}

// maxTail is how much of the end of what a command says is looked at, in bytes.
const maxTail = 64 << 10

// logFile keeps the beginning of what a command says in a file, and the end in
// memory. A file that cannot be written is no reason to stop anything.
type logFile struct {
	path string
	file *os.File // nil: there is none
	left int      // bytes that may still be written
	full bool     // there was more, or the disk is full
	tail []byte
}

func openLog(path string) *logFile {
	l := &logFile{path: path, left: maxLog}
	if os.MkdirAll(filepath.Dir(path), 0o700) != nil {
		return l
	}
	if f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600); err == nil {
		l.file = f
	}
	return l
}

// Write implements io.Writer. It never fails.
func (l *logFile) Write(p []byte) (int, error) {
	l.tail = append(l.tail, p[max(len(p)-maxTail, 0):]...)
	if len(l.tail) > 2*maxTail {
		l.tail = append(l.tail[:0], l.tail[len(l.tail)-maxTail:]...)
	}
	if l.file == nil || l.full {
		return len(p), nil
	}
	n := min(len(p), l.left)
	l.left -= n
	_, err := l.file.Write(p[:n])
	if n < len(p) && err == nil {
		_, err = l.file.WriteString("\n… the rest was left out\n")
		l.full = true
	}
	l.full = l.full || err != nil
	return len(p), nil
}

// close ends the log, and returns its path if it is kept.
func (l *logFile) close(keep bool) string {
	if l.file == nil {
		return ""
	}
	_ = l.file.Close()
	if keep {
		return l.path
	}
	_ = os.Remove(l.path)
	return ""
}

// lastWord is the line of what a command said that tells best why it ended:
// its error, or the first of a broken definition's, or else the last line.
// Crashed says that patchlab itself broke: its exit code means nothing then.
func lastWord(tail []byte) (line string, crashed bool) {
	var own, last string
	for s := range lines(string(tail)) {
		text, said := strings.CutPrefix(s, "patchlab: ")
		switch {
		case strings.HasPrefix(s, "panic: ") || strings.HasPrefix(s, "fatal error: "):
			return lab.Printable("patchlab broke: "+s, maxReason), true
		case said && (strings.HasPrefix(text, "error: ") || strings.HasPrefix(text, "interrupted: ")):
			_, own, _ = strings.Cut(text, ": ")
		case !said && strings.TrimSpace(s) != "":
			last = strings.TrimSpace(s)
		}
	}
	for _, s := range []string{own, diagnostic(string(tail)), last} {
		if s = lab.Printable(s, maxReason); s != "" {
			return s, false
		}
	}
	return "", false
}

// lines are the lines of a text, those that a terminal would have redrawn too.
func lines(text string) iter.Seq[string] {
	return strings.FieldsFuncSeq(text, func(r rune) bool { return r == '\n' || r == '\r' })
}

// diagnostic makes one line of what is said about a broken definition: the
// first mistake with its place, and how many there are more. Empty: that is
// not what the text is.
func diagnostic(text string) string {
	var summary, place string
	var detail []string
	n := 0
	for s := range lines(text) {
		title, isTitle := strings.CutPrefix(s, "Error: ")
		where, isPlace := strings.CutPrefix(s, "  on ")
		switch {
		case isTitle:
			if n++; n == 1 {
				summary = title
			}
		case n != 1:
		case isPlace && place == "":
			place = " in " + strings.TrimSuffix(where, ":")
		case !strings.HasPrefix(s, " "):
			detail = append(detail, s)
		}
	}
	if n == 0 {
		return ""
	}
	out := join(summary+place, strings.Join(detail, " "))
	if n > 1 {
		out += fmt.Sprintf(" (and %d more)", n-1)
	}
	return out
}

// oneLine is an error's text in one line.
func oneLine(text string) string {
	if d := diagnostic(text); d != "" {
		return d
	}
	return strings.Join(strings.Fields(text), " ")
}
