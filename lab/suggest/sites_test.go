package suggest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/patchlab/patchlab/lab/guest"
)

func TestWebSites(t *testing.T) {
	for name, c := range map[string]struct {
		lines string
		want  []webSite
	}{
		"none": {"", []webSite{{root: defaultRoot}}},
		"apache": {
			"<VirtualHost *:80>\n ServerName www.harbour.lan\n\tDocumentRoot\t\"/srv/my site/\"\n</VirtualHost>\n<VirtualHost *:80>\nServerName b.harbour.lan\n</VirtualHost>",
			[]webSite{{names: []string{"www.harbour.lan"}, root: "/srv/my site"}, {names: []string{"b.harbour.lan"}, root: defaultRoot}},
		},
		"beside the server's own": {
			"DocumentRoot /srv/own\n<VirtualHost *:80>\nServerName b.harbour.lan\n</VirtualHost>",
			[]webSite{{root: "/srv/own"}, {names: []string{"b.harbour.lan"}, root: "/srv/own"}},
		},
		"nginx": {
			"server {\n root /srv/a; # old\n server_name a.harbour.lan;\n root /srv/later;\nserver{\nroot /srv/b;",
			[]webSite{{names: []string{"a.harbour.lan"}, root: "/srv/a"}, {root: "/srv/b"}},
		},
		"hostile": {
			"DocumentRoot /\nDocumentRoot ../x\nDocumentRoot /${X}\nDocumentRoot /a\x1b[2J\nDocumentRoot\nDocumentRoot /x/../..",
			[]webSite{{root: defaultRoot}},
		},
	} {
		if diff := cmp.Diff(c.want, webSites(strings.Split(c.lines, "\n")), same); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// The configuration is found in a Debian's folders, where sites are links.
func TestSitesScript(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "apache2/sites-available/a.conf"), "<VirtualHost *:80>\n\tServerName www.harbour.lan\n\tDocumentRoot /srv/a\n#\tDocumentRoot /srv/old\n</VirtualHost>")
	write(t, filepath.Join(root, "nginx/conf.d/b.conf"), "upstream u {\n server 10.0.0.1:80;\n}\nserver {\n listen 80;\n root /srv/b;\n}\n")
	enabled := filepath.Join(root, "apache2/sites-enabled")
	if err := os.MkdirAll(enabled, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../sites-available/a.conf", filepath.Join(enabled, "a.conf")); err != nil {
		t.Fatal(err)
	}
	_, script, _ := strings.Cut(linuxScript, "echo '== sites'\n")
	script, _, _ = strings.Cut(script, "echo '== mysql'")
	got := webSites(strings.Split(sh(t, strings.ReplaceAll(script, "/etc/", root+"/")+"\nexit 0"), "\n"))
	want := []webSite{{names: []string{"www.harbour.lan"}, root: "/srv/a"}, {root: "/srv/b"}}
	if diff := cmp.Diff(want, got, same); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The listing does its work in the host's own sh: programs first, then by
// depth and name, nothing of what is no page.
func TestListing(t *testing.T) {
	root := filepath.Join(t.TempDir(), "it's include")
	for _, name := range []string{
		"index.html", "booking.php", "a/shop.php", "a/b/deep.php", "a/b/c/too-deep.php", "z.HTM", "about.html", "style.css",
		".git/x.php", ".hidden.php", "includes/db.php", "vendor/x.php", "a/vendor/y.php", "logout.php", "delete-all.php", "new\nline.php", "esc\x1b[2J.php",
	} {
		write(t, filepath.Join(root, name), "")
	}
	link := filepath.Join(filepath.Dir(root), "current")
	if err := os.Symlink(root, link); err != nil {
		t.Fatal(err)
	}
	for _, at := range []string{root, link} {
		text := sh(t, "find -H "+guest.Quote(at, "/no/such/folder")+listing)
		want := []string{"/booking.php", "/a/shop.php", "/a/b/deep.php", "/about.html", "/index.html", "/z.HTM"}
		if diff := cmp.Diff(want, filesIn(at, text)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

func TestFilesInHostile(t *testing.T) {
	text := "0\t1\t/w\t../../etc/x.php\n0\t1\t/w\tx.php?a=b\n0\t1\t/w\ta//b.php\n0\t1\t/w\n0\t1\t/w\tok.php\n0\t1\t/w\tok.php\n0\t1\t/other\tx.php\n0\t1\t/w\tcut.ph"
	if diff := cmp.Diff([]string{"/ok.php"}, filesIn("/w", text)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := filesIn("/w", strings.Repeat("0\t1\t/w\t", 1)+strings.Repeat("a", 300)+".php\n"); len(got) > 0 {
		t.Errorf("got %q", got)
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func sh(t *testing.T, script string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "/bin/sh", "-c", script).Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}
