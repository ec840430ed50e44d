package report_test

import (
	"bytes"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/report"
)

// html is the page of a record whose folder is dir.
func html(t *testing.T, r *lab.Record, dir string) string {
	t.Helper()
	var b bytes.Buffer
	if err := report.HTML(&b, r, dir); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// contains tells which of the words the page lacks.
func contains(t *testing.T, page string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(page, w) {
			t.Errorf("the page does not say %q", w)
		}
	}
}

func TestHTMLGolden(t *testing.T) {
	style := regexp.MustCompile(`(?s)<style>.*</style>`)
	for name, r := range map[string]*lab.Record{
		"passed": passed(), "lost": lost(), "broken": record(), "changed": changed(), "doubtful": doubtful(), "early": early(),
	} {
		t.Run(name, func(t *testing.T) {
			got := style.ReplaceAllString(html(t, r, t.TempDir()), "<style></style>")
			golden := filepath.Join("testdata", "html", name+".html")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("the page is not as in %s; -update rewrites it", golden)
			}
		})
	}
}

func TestHTMLSaysWhatIsNotProven(t *testing.T) {
	contains(t, html(t, lost(), ""), "✗ NOT PROVEN", "a process of instance i-9911 is left", "✗ not shown", "spared")
	old := early()
	old.Receipt = lab.Receipt{}
	page := html(t, old, "")
	contains(t, page, "no receipt")
	if strings.Contains(page, "✓ proven") {
		t.Error("a record without a receipt is shown as proven")
	}
	old.Reverted = false
	contains(t, html(t, old, ""), "✗ NOT PROVEN")
}

// TestHTMLDoesNotPraiseWhatWasNotSeen: no check was made, so that there was no
// regression says nothing.
func TestHTMLDoesNotPraiseWhatWasNotSeen(t *testing.T) {
	page := html(t, early(), "")
	contains(t, page, "none seen", "? inconclusive", "! not-run", "The record does not say how the machines were wired.")
	if strings.Contains(page, `<li class="pass"><span>Regressions`) {
		t.Error("no regression is praised where no check was made")
	}
}

func TestHTMLIsOneFileWithoutScript(t *testing.T) {
	page := html(t, lost(), "")
	for _, bad := range []string{"<script", "http://", "https://", "@import", "url("} {
		if strings.Contains(page, bad) {
			t.Errorf("the page holds %q", bad)
		}
	}
}

func TestHTMLReportsAWriteError(t *testing.T) {
	if report.HTML(fullDisk{}, record(), "") == nil {
		t.Error("a page that could not be written is no success")
	}
}

// folder is the folder of a record with a log and a picture, as lost wants it.
func folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 8, 8))); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "logs", "screen-patched-web-01.png"), b.Bytes())
	text := strings.Repeat("line of the boot\n", 500) + "\n\n\n" + hostile + "\nKernel panic - not syncing: VFS: Unable to mount root fs\n"
	write(t, filepath.Join(dir, "logs", "console-patched-web-01.log"), []byte(text))
	return dir
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestHTMLShowsPictureAndConsole(t *testing.T) {
	page := html(t, lost(), folder(t))
	contains(t, page, `<img src="data:image/png;base64,iVBOR`, `alt="The display of web-01`, "The end of logs/console-patched-web-01.log", "not syncing")
	if n := strings.Count(page, "line of the boot"); n == 0 || n > 60 {
		t.Errorf("%d lines of the console are shown, want its last 60 at most", n)
	}
	if strings.Contains(page, "What was printed last") {
		t.Error("the finding's tail is shown although the console ends with it")
	}
}

// TestHTMLStaysInItsFolder: neither a path of the record nor a link in the
// folder leads out of it, and nothing but a plain file is opened.
func TestHTMLStaysInItsFolder(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	write(t, secret, []byte("the-secret"))
	dir := t.TempDir()
	if err := os.Symlink(secret, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Dir(secret), filepath.Join(dir, "away")); err != nil {
		t.Fatal(err)
	}
	if err := makePipe(filepath.Join(dir, "pipe")); err != nil {
		t.Fatal(err)
	}
	rel, err := filepath.Rel(dir, secret)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{secret, rel, "../" + rel, "link", "away/secret", "pipe", ".", "missing", "", "\x00", strings.Repeat("x", 5000)} {
		r := record()
		r.Findings[0].Log, r.Findings[0].Screenshot = path, path
		if page := html(t, r, dir); strings.Contains(page, "the-secret") || strings.Contains(page, "<img") {
			t.Errorf("the path %q leads out of the folder", path)
		}
	}
}

func TestHTMLRefusesWhatIsNoPicture(t *testing.T) {
	huge := "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x0f\xff\xff\x00\x0f\xff\xff\x08\x00\x00\x00\x00\x00\x00\x00\x00"
	for name, content := range map[string][]byte{
		"text": []byte("<script>"), "empty": nil, "cut": []byte("\x89PNG\r\n\x1a\n"), "huge sides": []byte(huge), "large": bytes.Repeat([]byte("x"), 3<<20),
	} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "logs", "screen-patched-web-01.png"), content)
		page := html(t, lost(), dir)
		if strings.Contains(page, "<img") {
			t.Errorf("%s is shown as a picture", name)
		}
		contains(t, page, "logs/screen-patched-web-01.png: it is ")
	}
}

func TestHTMLReadsOnlyTheEndOfALog(t *testing.T) {
	dir := folder(t)
	path := filepath.Join(dir, "logs", "console-patched-web-01.log")
	if err := os.Truncate(path, 1<<40); err != nil { // a hole: it takes no room
		t.Skip(err)
	}
	if page := html(t, lost(), dir); strings.Contains(page, "line of the boot") {
		t.Error("more than the end is shown")
	}
}
