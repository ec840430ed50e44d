package suggest

import (
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func recorded(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

var same = cmp.Options{
	cmp.AllowUnexported(facts{}, service{}, table{}, webSite{}),
	cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b }),
	cmpopts.EquateEmpty(),
}

func at(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

func TestLinuxFacts(t *testing.T) {
	g := &machine{reply: func(shell string) (string, int) {
		switch {
		case strings.Contains(shell, "== units"):
			return recorded(t, "linux.txt"), 0
		case strings.Contains(shell, "find -H /var/www/html "):
			return "0\t1\t/var/www/html\tbooking.php\n1\t1\t/elsewhere\tx.html\n", 0
		case strings.Contains(shell, "booking"):
			return "public.slots\n", 0
		}
		return "cannot connect\n", 2
	}}
	got, err := linuxFacts(t.Context(), g)
	if err != nil {
		t.Fatal(err)
	}
	want := facts{
		services: []service{{"apache2", true}, {"cron", true}, {"postgresql@15-main", false}, {"ssh", true}},
		ports:    []netip.AddrPort{at("[::]:22"), at("0.0.0.0:80"), at("[::]:80"), at("192.168.1.10:3306"), at("192.168.1.10:8080")},
		sites:    []string{"harbour.lan", "shop.harbour.lan", "static.harbour.lan", "www.harbour.lan"},
		web: []webSite{{
			names: []string{"www.harbour.lan", "harbour.lan", "shop.harbour.lan", "static.harbour.lan"},
			root:  "/var/www/html", files: []string{"/booking.php"},
		}},
		mounts:   []string{"/", "/srv"},
		postgres: []table{{"booking", "public.slots"}},
		mysql:    []table{{"shop", "`shop`.`orders`"}, {"empty", ""}, {"odd`name", "`odd``name`.`tab``le`"}},
	}
	if diff := cmp.Diff(want, got, same); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestParseWindows(t *testing.T) {
	want := facts{
		services: []service{{"DHCPServer", true}, {"MSSQLSERVER", true}, {"W3SVC", true}},
		ports:    []netip.AddrPort{at("[::]:80"), at("0.0.0.0:135"), at("0.0.0.0:445"), at("[::]:445"), at("0.0.0.0:3389"), at("0.0.0.0:49664")},
		sites:    []string{"intranet.harbour.lan", "www.harbour.lan"},
		mounts:   []string{`C:\`, `D:\`},
		iis:      []string{"Default Web Site", "Intranet"},
	}
	text := strings.ReplaceAll(recorded(t, "windows.txt"), "\n", "\r\n")
	if diff := cmp.Diff(want, parseWindows(text), same); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The script does its work in the host's own sh, with and without the
// programs that it asks.
func TestLinuxScript(t *testing.T) {
	bin := t.TempDir()
	for _, name := range []string{"cat", "grep"} {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path, filepath.Join(bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	run := func() map[string][]string {
		cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", linuxScript)
		cmd.Env = []string{"PATH=" + bin}
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return split(string(out))
	}
	if got := run(); len(got["tcp"]) == 0 || len(got["mounts"]) == 0 || len(got["postgres"]) > 0 {
		t.Errorf("got %q", got)
	}
	for name, script := range map[string]string{
		"systemctl": `case $1 in list-units) echo a.service loaded active running A;; *) echo a.service enabled enabled;; esac`,
		"mysql":     `[ "$1" = -N ] && [ "$3" = -e ] && printf 'shop\torders\n'`,
		"runuser":   `shift 3; "$@"`,
		"psql":      `[ "$1" = -XAtc ] && echo booking`,
	} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	got := run()
	for section, want := range map[string]string{
		"units": "a.service loaded active running A", "enabled": "a.service enabled enabled", "mysql": "shop\torders", "postgres": "booking",
	} {
		if strings.Join(got[section], "|") != want {
			t.Errorf("section %s is %q, want %q", section, got[section], want)
		}
	}
}

func TestTextOf(t *testing.T) {
	for body, want := range map[string]string{
		"<html><TITLE lang=en>\n Harbour Dental \n</TITLE>": "Harbour Dental",
		"<title>Orders of 3 May</title><h1>Orders</h1>":     "Orders",
		"<title></title>":                                    "",
		"<title>\x1b[31mred</title>":                         "",
		"<title>" + strings.Repeat("long ", 40) + "</title>": "",
		"plain":                           "",
		"<title>Fish &amp; Chips</title>": "Fish &amp; Chips",
		"<title>a\u202eb</title><h1><b>no text of its own</b></h1>": "no text of its own",
	} {
		if got := textOf(body, body); got != want {
			t.Errorf("of %.40q: got %q, want %q", body, got, want)
		}
	}
}

func FuzzFacts(f *testing.F) {
	for _, name := range []string{"linux.txt", "windows.txt"} {
		b, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(b))
	}
	f.Fuzz(func(t *testing.T, text string) {
		parseWindows(text)
		g := &machine{reply: func(shell string) (string, int) {
			if strings.Contains(shell, "== units") {
				return text, 0
			}
			return "x", 0
		}}
		if _, err := linuxFacts(t.Context(), g); err != nil {
			t.Error(err)
		}
	})
}
