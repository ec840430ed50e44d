package notify

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/patchlab/patchlab/lab"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// failed is the result that the tests send.
func failed() Result {
	return Result{
		Lab: "dental", Client: "Harbour Dental", Patch: "booking-broken", Verdict: lab.Fail, Code: 1,
		Reason: "check failed", Run: "20261123-204803-0081", Dir: "/runs/1", Before: lab.Pass, Seconds: 61.5,
	}
}

func message() Message {
	return NewMessage("spare", []Result{failed()}, 1, "dental: the patch booking-broken failed\n", noon)
}

// inbox is a server on loopback that keeps what was posted to it.
type inbox struct {
	*httptest.Server
	mu     sync.Mutex
	bodies [][]byte
	heads  []http.Header
	paths  []string
}

// newInbox answers with the statuses, one after the other, the last again and
// again.
func newInbox(t *testing.T, statuses ...int) *inbox {
	t.Helper()
	in := &inbox{}
	in.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		in.mu.Lock()
		defer in.mu.Unlock()
		in.bodies = append(in.bodies, body)
		in.heads = append(in.heads, r.Header)
		in.paths = append(in.paths, r.URL.String())
		code := statuses[min(len(in.bodies), len(statuses))-1]
		if code/100 == 3 {
			w.Header().Set("Location", "/elsewhere")
		}
		w.WriteHeader(code)
	}))
	t.Cleanup(in.Close)
	return in
}

// count is how many messages came.
func (in *inbox) count() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return len(in.bodies)
}

// webhook is the URL of a target that posts to in, with secrets at every
// place of a URL that can hold one.
func (in *inbox) webhook() string {
	return "webhook+http://us3r:pa55word@" + strings.TrimPrefix(in.URL, "http://") + "/t0ken-in-path?key=t0ken-in-query#t0ken-in-fragment"
}

var urlSecrets = []string{"us3r", "pa55word", "t0ken"}

// hides fails when err says something secret, also where it is unwrapped.
func hides(t *testing.T, err error, secrets ...string) {
	t.Helper()
	var walk func(err error)
	walk = func(err error) {
		for _, s := range append(slices.Clone(urlSecrets), secrets...) {
			if strings.Contains(err.Error(), s) {
				t.Errorf("the error tells %q: %v", s, err)
			}
		}
		switch e := err.(type) { //nolint:errorlint // the whole tree is walked
		case interface{ Unwrap() error }:
			if inner := e.Unwrap(); inner != nil {
				walk(inner)
			}
		case interface{ Unwrap() []error }:
			for _, inner := range e.Unwrap() {
				walk(inner)
			}
		}
	}
	if err == nil {
		t.Error("no error")
		return
	}
	walk(err)
}

// send sends message() to one target of the URL.
func send(t *testing.T, url string) error {
	t.Helper()
	n := &Notifier{Targets: []Target{{When: Always, URL: url}}, Timeout: 20 * time.Second}
	return n.Send(context.Background(), message())
}

// write makes a file of mode 0600 in a folder of the test's own.
func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
