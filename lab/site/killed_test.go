package site_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/site"
)

// childEnv makes this test program write the site of the records in a folder
// to another, and kill itself when the report is made for the nth time.
const childEnv = "PATCHLAB_TEST_SITE"

func TestMain(m *testing.M) {
	if text := os.Getenv(childEnv); text != "" {
		die(strings.Split(text, "\n"))
	}
	os.Exit(m.Run())
}

// die is the child.
func die(args []string) {
	var mu sync.Mutex
	left, _ := strconv.Atoi(args[2])
	o := optionsIn(args[1])
	o.Report = func(dir string, rec *lab.Record) ([]byte, error) {
		mu.Lock()
		defer mu.Unlock()
		if left--; left < 0 {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
		return reported(dir, rec)
	}
	_, err := site.Write(context.Background(), args[0], o)
	panic(err) // it should not have come so far
}

// TestKilled kills a Write at different places: the site is whole after the
// next one, and nothing half written is left.
func TestKilled(t *testing.T) {
	want, kept := t.TempDir(), t.TempDir()
	o := optionsIn(kept)
	write(t, want, o)
	older := o
	older.Entries = o.Entries[:12]
	for _, after := range []int{0, 1, 7, 14} {
		for _, before := range []bool{false, true} { // whether there was a site
			t.Run(fmt.Sprint(after, before), func(t *testing.T) {
				out := t.TempDir()
				if before {
					older.Version = "older" // nothing of it can stay as it is
					write(t, out, older)
				}
				child := exec.CommandContext(t.Context(), os.Args[0])
				child.Env = append(os.Environ(), childEnv+"="+strings.Join([]string{out, kept, strconv.Itoa(after)}, "\n"))
				text, err := child.CombinedOutput()
				if state := child.ProcessState; err == nil || state.Exited() {
					t.Fatalf("it was not killed: %v\n%s", err, text)
				}
				all := files(t, out)
				for name, text := range all {
					if path.Ext(name) == ".html" && !strings.HasSuffix(text, "</html>\n") {
						t.Errorf("%s is half written", name)
					}
				}
				write(t, out, o)
				if !maps.Equal(files(t, want), files(t, out)) {
					t.Error("the site is not as it would have been")
				}
			})
		}
	}
}

func TestInterrupted(t *testing.T) {
	want, out := t.TempDir(), t.TempDir()
	o := options(t)
	write(t, want, o)
	ctx, cancel := context.WithCancel(t.Context())
	cut := o
	cut.Report = func(dir string, rec *lab.Record) ([]byte, error) {
		cancel()
		return o.Report(dir, rec)
	}
	if _, err := site.Write(ctx, out, cut); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	write(t, out, o)
	if !maps.Equal(files(t, want), files(t, out)) {
		t.Error("the site is not as it would have been")
	}
}
