package agent

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func smallLog(t *testing.T) (*cappedLog, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "log")
	l, err := openCappedLog(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	l.head, l.tail, l.limit = 100, 300, 1000
	return l, path
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestCappedLogKeepsHeadAndTail(t *testing.T) {
	l, path := smallLog(t)
	var all strings.Builder
	for i := range 1000 {
		line := fmt.Sprintf("line %d\n", i)
		all.WriteString(line)
		if n, err := l.Write([]byte(line)); n != len(line) || err != nil {
			t.Fatalf("write: %d, %v", n, err)
		}
		if got := read(t, path); len(got) > 1000 {
			t.Fatalf("%d bytes after line %d", len(got), i)
		}
	}
	got := read(t, path)
	if want := all.String()[:100]; !strings.HasPrefix(got, want) {
		t.Errorf("head %q, want %q", got[:100], want)
	}
	if want := all.String()[all.Len()-300:]; !strings.HasSuffix(got, want) {
		t.Errorf("tail %q, want %q", got[len(got)-300:], want)
	}
	if !strings.Contains(got, "[patchlab: about ") {
		t.Error("nothing says that the middle is gone")
	}
}

func TestCappedLogOfOneHugeWrite(t *testing.T) {
	l, path := smallLog(t)
	if _, err := l.Write(append(bytes.Repeat([]byte("x"), 5000), "end"...)); err != nil {
		t.Fatal(err)
	}
	if got := read(t, path); len(got) > 1000 || !strings.HasSuffix(got, "xend") {
		t.Errorf("%d bytes that end in %q", len(got), got[len(got)-4:])
	}
}

func TestCappedLogReopenedAppends(t *testing.T) {
	l, path := smallLog(t)
	if _, err := l.Write([]byte("one ")); err != nil {
		t.Fatal(err)
	}
	again, err := openCappedLog(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = again.Close() }()
	if _, err := again.Write([]byte("two")); err != nil {
		t.Fatal(err)
	}
	if got := read(t, path); got != "one two" {
		t.Errorf("%q", got)
	}
}

func TestCappedLogOnFullDiskSaysSoOnce(t *testing.T) {
	l, err := openCappedLog("/dev/full")
	if err != nil {
		t.Skip(err)
	}
	defer func() { _ = l.Close() }()
	if _, err := l.Write([]byte("x")); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("first write: %v", err)
	}
	if _, err := l.Write([]byte("x")); err != nil {
		t.Errorf("second write: %v", err)
	}
}

func TestLogLimits(t *testing.T) {
	if logHead+logTail+100 >= logLimit || logLimit > 16<<20 {
		t.Error("head and tail do not fit the limit")
	}
}
