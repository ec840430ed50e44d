package guest

import (
	"encoding/base64"
	"encoding/binary"
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"unicode/utf16"

	"golang.org/x/crypto/ssh"

	"github.com/patchlab/patchlab/lab"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares text with testdata/windows/<name>.ps1.
func golden(t *testing.T, name, text string) {
	t.Helper()
	file := filepath.Join("testdata", "windows", name+".ps1")
	if *update {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil || text != string(want) {
		t.Errorf("%s: error %v; got:\n%s", file, err, text)
	}
}

// exchange is one command that a Windows machine is given, and its answer.
type exchange struct {
	script string // golden file of the script
	stdout string
	stderr string
	code   int
	talk   func(ch ssh.Channel) // instead of stdout
}

// windowsGuest is a Windows machine that replays exchanges, in their order.
func windowsGuest(t *testing.T, all ...exchange) *Guest {
	t.Helper()
	s := newServer(t)
	var mu sync.Mutex
	s.answer = func(_ *serverConn, line string, ch ssh.Channel) bool {
		mu.Lock()
		if len(all) == 0 {
			mu.Unlock()
			t.Errorf("one command too many: %s", line)
			return true
		}
		e := all[0]
		all = all[1:]
		mu.Unlock()
		mark, script := heard(t, line, ch)
		golden(t, e.script, script)
		_, _ = io.WriteString(ch.Stderr(), "Welcome!\r\n"+mark+"4242\n"+e.stderr)
		_, _ = io.WriteString(ch, e.stdout)
		if e.talk != nil {
			e.talk(ch)
		}
		exit(ch, e.code)
		return true
	}
	t.Cleanup(func() {
		if len(all) > 0 {
			t.Errorf("%d commands never came", len(all))
		}
	})
	return s.guest(func(c *Config) { c.Machine.Image.OS = lab.Windows; c.User = "Administrator" })
}

// decodePS gives back the text of a command line.
func decodePS(t *testing.T, line string) string {
	t.Helper()
	encoded, ok := strings.CutPrefix(line, powershell)
	b, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil || len(b)%2 != 0 || len(line) > 8191 {
		t.Fatalf("%d characters, error %v: %s", len(line), err, line)
	}
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	return string(utf16.Decode(units))
}

var loaderLength = regexp.MustCompile(`^\$n = ([0-9]+);`)

// received is the text that a command line runs, read from stdin where it
// comes that way.
func received(t *testing.T, line string, stdin io.Reader) string {
	t.Helper()
	text := decodePS(t, line)
	m := loaderLength.FindStringSubmatch(text)
	if m == nil {
		return text
	}
	n, _ := strconv.Atoi(m[1])
	b := make([]byte, n)
	if _, err := io.ReadFull(stdin, b); err != nil {
		t.Error(err)
	}
	return string(b)
}

// heard takes the mark and the script out of what wrap made.
func heard(t *testing.T, line string, stdin io.Reader) (mark, script string) {
	t.Helper()
	text := received(t, line, stdin)
	literal := func(before string) string {
		_, rest, found := strings.Cut(text, before)
		value, _, ok := unquotePS(rest)
		if !found || !ok {
			t.Errorf("no %s in %s", before, text)
		}
		return value
	}
	return literal("[Console]::Error.Write("), literal("[ScriptBlock]::Create(")
}
