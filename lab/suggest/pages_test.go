package suggest

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/patchlab/patchlab/lab"
)

const startPage = `<title>Welcome</title><a href="/linked">1</a> <a class=x href='sub/two.html#part'>2</a><a href="http://www.harbour.lan/three.php">3</a>
<a href="/logout.php">out</a><a href="/find?q=1">q</a><a href="http://evil.example/x">e</a><a href="javascript:x()">j</a><a href="/manual.pdf">p</a><a href="//evil.example/y">y</a>`

func TestLinksOf(t *testing.T) {
	want := []string{"/linked", "/sub/two.html", "/three.php"}
	if diff := cmp.Diff(want, linksOf("http://www.harbour.lan/", startPage)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	hostile := `<a href="/a%0ab"><a href="/%1b[2J"><a href="http://[::1"><a href="/a%zz"><a href="` + strings.Repeat("/long", 100) + `"><a href="http://u:p@www.harbour.lan/x"><a href="`
	if got := linksOf("http://www.harbour.lan/", hostile); len(got) > 0 {
		t.Errorf("of a hostile page: %q", got)
	}
}

func TestTextOfTwoAnswers(t *testing.T) {
	for _, c := range []struct{ first, second, want string }{
		{"<title>One</title><p>Our opening hours", "<title>Other</title><p>Our opening hours", "Our opening hours"},
		{"<p>token abcdefgh</p><p>Free slots today</p>", "<p>token hgfedcba</p><p>Free slots today</p>", "Free slots today"},
		{"<script>var steady = line</script><!-- a steady comment -->", "<script>var steady = line</script><!-- a steady comment -->", ""},
		{"<p>short</p>{}[](){}[]<p>Room for seven</p><p>Room 7 is free</p>", "<p>Room for seven</p>", "Room for seven"},
		{"<p>\x1b[31mred alert</p>\xff\xfeabcdefgh", "<p>\x1b[31mred alert</p>\xff\xfeabcdefgh", ""},
		{"<style>all of it is unfinished", "<style>all of it is unfinished", ""},
	} {
		if got := textOf(c.first, c.second); got != c.want {
			t.Errorf("of %q: got %q, want %q", c.first, got, c.want)
		}
	}
}

// serve makes h the web server on port 80 of machine web, and files what is
// in its folder.
func (w *world) serve(t *testing.T, h http.HandlerFunc, files ...string) {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	w.lab.Machines = w.lab.Machines[:2]
	for _, g := range w.guests {
		g.dial = map[string]string{"www.harbour.lan:80": srv.Listener.Addr().String(), "web.harbour.lan:80": srv.Listener.Addr().String()}
		g.reply = func(shell string) (string, int) {
			switch {
			case g.m.Name != "web":
				return "", 0
			case strings.Contains(shell, "find -H"):
				return "0\t1\t/var/www/html\t" + strings.Join(files, "\n0\t1\t/var/www/html\t") + "\n", 0
			}
			return "== tcp\n0: 00000000:0050 00000000:0000 0A\n", 0
		}
	}
}

// pagesOf are the web pages that are suggested, with their text.
func (w *world) pagesOf(t *testing.T) []string {
	t.Helper()
	got, err := Suggest(t.Context(), w.lab, w, network{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, s := range got {
		if spec, ok := s.Check.Spec.(*lab.HTTPCheck); ok {
			out = append(out, fmt.Sprintf("%s %d %s", spec.URL, spec.Status, spec.Body.Contains))
			if s.Check.From != w.lab.Machines[1] || lab.Printable(spec.URL, 0) != spec.URL {
				t.Errorf("%q is made from elsewhere, or hostile", s.Check.Name)
			}
		}
	}
	return out
}

// The page behind a start page that says nothing is suggested, once, and what
// is suggested fails when an update breaks the page, by status or by text.
func TestSuggestBrokenPage(t *testing.T) {
	w := newWorld(t)
	var broken atomic.Int32
	w.serve(t, func(rw http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/" || r.URL.Path == "/index.html":
			_, _ = io.WriteString(rw, "<p>It works as shipped</p>")
		case r.URL.Path != "/booking.php":
			http.NotFound(rw, r)
		case broken.Load() == 1:
			http.Error(rw, "out of order", http.StatusInternalServerError)
		case broken.Load() == 2:
			_, _ = io.WriteString(rw, "The booking system is out of order.")
		default:
			_, _ = io.WriteString(rw, "<!DOCTYPE html>\n<ul><li>Free slots of today</li></ul>")
		}
	}, "booking.php", "gone.php", "index.html")
	want := []string{"http://www.harbour.lan/ 200 It works as shipped", "http://www.harbour.lan/booking.php 200 Free slots of today"}
	if diff := cmp.Diff(want, w.pagesOf(t)); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	found, err := Suggest(t.Context(), w.lab, w, network{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(found, func(s Suggestion) bool { return strings.Contains(s.Check.Name, "booking.php") })
	once := *found[i].Check
	once.Retries = 0
	at := lab.Place{Guest: w.guests["desk"], Dialer: w.guests["desk"]}
	for how, passes := range map[int32]bool{0: true, 1: false, 2: false} {
		broken.Store(how)
		if res := (network{}).RunCheck(t.Context(), &once, at); res.Passed != passes {
			t.Errorf("broken in way %d: passed is %t: %s", how, res.Passed, res.Message)
		}
	}
}

// Links and files are taken in turn, no more than maxPages of them, and the
// same each time; only GET is asked, and never what has an effect.
func TestSuggestManyPages(t *testing.T) {
	var files []string
	for i := range 30 {
		files = append(files, fmt.Sprintf("page%02d.php", i))
	}
	handle := func(rw http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || r.URL.RawQuery != "" || effects.MatchString(r.URL.Path) {
			t.Errorf("%s %s is asked", r.Method, r.URL)
		}
		if r.URL.Path == "/" {
			_, _ = io.WriteString(rw, startPage)
			return
		}
		fmt.Fprintf(rw, "<title>Harbour</title>%s", r.URL.Path)
	}
	w := newWorld(t)
	w.serve(t, handle, files...)
	got := w.pagesOf(t)
	if len(got) != 1+maxPages || !strings.Contains(got[1], "/linked ") || !strings.Contains(got[2], "/page00.php ") || !strings.Contains(got[3], "/sub/two.html ") {
		t.Errorf("got %q", got)
	}
	if again := w.pagesOf(t); !slices.Equal(got, again) {
		t.Errorf("another time it is %q", again)
	}
}

// Of hostile pages, what is no page of its own is left out, and nothing of
// them gets into a check.
func TestSuggestHostilePages(t *testing.T) {
	w := newWorld(t)
	var turn atomic.Int32
	w.serve(t, func(rw http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/":
			_, _ = io.WriteString(rw, startPage)
		case "/loop.php":
			http.Redirect(rw, r, "/loop.php", http.StatusFound)
		case "/endless.php":
			for r.Context().Err() == nil {
				if _, err := io.WriteString(rw, strings.Repeat("<p>endless page</p>", 1000)); err != nil {
					return
				}
			}
		case "/broken.php":
			rw.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(rw, "too little")
		case "/escape.php":
			_, _ = io.WriteString(rw, "<title>\x1b]0;owned\x07</title>\x1b[2Jcleared screen")
		case "/turns.php":
			rw.WriteHeader(http.StatusOK + int(turn.Add(1)%2))
		case "/empty.php":
			_, _ = io.WriteString(rw, " \n")
		case "/denied.php":
			_, _ = io.WriteString(rw, "Direct access is not permitted")
		case "/same.php", "/twin.php":
			_, _ = io.WriteString(rw, "<h1>Twins</h1>")
		case "/secret.php":
			_, _ = io.WriteString(rw, "<h1>Key hunter22</h1>the key is hunter")
		default:
			http.NotFound(rw, r)
		}
	}, "broken.php", "denied.php", "empty.php", "endless.php", "escape.php", "loop.php", "same.php", "secret.php", "turns.php", "twin.php")
	want := []string{
		"http://www.harbour.lan/ 200 Welcome",
		"http://www.harbour.lan/endless.php 200 endless page",
		"http://www.harbour.lan/escape.php 200 ",
		"http://www.harbour.lan/same.php 200 Twins",
		"http://www.harbour.lan/secret.php 200 the key is hunter",
	}
	got := w.pagesOf(t)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func FuzzPages(f *testing.F) {
	f.Add(startPage, "0\t1\t/w\tbooking.php\n")
	f.Add("<!-- <script><style <a href='\x1b[2J'>\xff", "0\t1\t/w\t../\x1b[2J.php\n\t\t\t\n")
	f.Add(strings.Repeat("<a href=/x><!--", 1000), "== sites\nDocumentRoot \"\nserver {\nroot ;")
	f.Fuzz(func(t *testing.T, body, text string) {
		if got := textOf(body, body); got != "" && (!strings.Contains(body, got) || lab.Printable(got, 0) != got) {
			t.Errorf("text %q", got)
		}
		for _, at := range append(linksOf("http://www.harbour.lan/", body), filesIn("/w", text)...) {
			if !isPage(at) || !plain(at) || at[0] != '/' {
				t.Errorf("page %q", at)
			}
		}
		for _, w := range webSites(strings.Split(text, "\n")) {
			if !plain(w.root) || w.root[0] != '/' || w.root == "/" {
				t.Errorf("folder %q", w.root)
			}
		}
	})
}
