package notify

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/patchlab/patchlab/lab"
)

func TestLoad(t *testing.T) {
	path := write(t, "notify.conf", `# who is told
fail   mailto:jane@example.com,joe@example.org?from=patchlab%40example.com

	change webhook+https://us3r:pa55word@hooks.example.com:8443/t0ken?k=t0ken
always ntfy://ntfy.example.com/t0ken
always slack://hook:AAAAAAAAA-BBBBBBBBB-t0kent0kent0kent0kent0ke@webhook
`+"fail generic://example.com/t0ken\r\n")
	got, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, target := range got {
		names = append(names, string(target.When)+" "+target.Name())
		shown := fmt.Sprintf("%v %+v %#v %s", target, target, target, target)
		for _, s := range append([]string{"jane"}, urlSecrets...) {
			if strings.Contains(shown, s) {
				t.Errorf("printed, a target tells %q: %s", s, shown)
			}
		}
	}
	want := []string{
		"fail mailto:example.com",
		"change webhook+https://hooks.example.com:8443",
		"always ntfy", "always slack", "fail generic",
	}
	if d := cmp.Diff(want, names); d != "" {
		t.Error(d)
	}
}

func TestLoadOfNoFileIsNoTarget(t *testing.T) {
	got, err := Load(filepath.Join(t.TempDir(), "none"))
	if got != nil || err != nil {
		t.Error(got, err)
	}
}

func TestLoadNamesAllMistakesAndNoURL(t *testing.T) {
	bad := []string{
		"slack://t0ken@webhook",
		"slack://t0ken@webhook always",
		"sometimes ntfy://example.com/t0ken",
		"fail",
		"fail t0ken",
		"fail ://t0ken",
		"fail http://t0ken\x01.example.com",
		"fail t0ken://example.com/t0ken",
		"fail https://example.com/t0ken",
		"fail logger://t0ken",
		"fail webhook+ftp://example.com/t0ken",
		"fail webhook+https:///t0ken",
		"fail slack://t0ken@webhook",
		"fail telegram://t0ken",
		"fail smtp://us3r:pa55word@example.com/?fromAddress=t0ken&port=t0ken",
		"fail mailto:",
		"fail mailto:t0ken",
		"fail mailto:jane@example.com,,joe@example.com",
		"fail mailto:-t0ken@example.com",
		"fail mailto:jane@example.com%0ABcc:t0ken@example.com",
		"fail mailto:jane@example.com?bcc=t0ken@example.com",
		"fail mailto:jane@example.com?from=t0ken%0ABcc",
		"fail mailto:Jane%20<t0ken@example.com>",
		"fail mailto:jane@example.com, joe@t0ken.example.com",
		"fail mailto:%zzt0ken",
	}
	path := write(t, "notify.conf", "# first\n"+strings.Join(bad, "\n")+"\nfail ntfy://example.com/fine\n")
	got, err := Load(path)
	if _, ok := errors.AsType[*lab.UsageError](err); !ok || got != nil {
		t.Fatalf("%v, %v", got, err)
	}
	hides(t, err)
	for i := range bad {
		if place := fmt.Sprintf("%s:%d: ", path, i+2); strings.Count(err.Error(), place) != 1 {
			t.Errorf("%q is not refused once", bad[i])
		}
	}
	if n := strings.Count(err.Error(), "\n") + 1; n != len(bad) {
		t.Errorf("%d mistakes, want %d:\n%v", n, len(bad), err)
	}
}

func TestLoadWantsAFileThatOthersCannotRead(t *testing.T) {
	path := write(t, "notify.conf", "fail mailto:jane@example.com\n")
	for mode, root := range map[os.FileMode]bool{0o604: true, 0o602: true, 0o620: true, 0o644: true} {
		if !exposed(mode, root) {
			t.Errorf("mode %04o is taken", mode)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		_, err := Load(path)
		if u, ok := errors.AsType[*lab.UsageError](err); !ok || u.Hint != "chmod 600 "+path {
			t.Errorf("mode %04o: %v", mode, err)
		}
	}
	if exposed(0o640, true) || exposed(0o400, true) || exposed(0o600, false) || !exposed(0o640, false) {
		t.Error("root may give a file to a group, others may not")
	}
}

func TestLoadOfWhatIsNoFile(t *testing.T) {
	if _, err := Load(t.TempDir()); err == nil || !strings.Contains(err.Error(), "folder") {
		t.Error(err)
	}
	for _, text := range []string{strings.Repeat("x", 2<<20), strings.Repeat("# 1\n", 1<<19)} {
		_, err := Load(write(t, "notify.conf", text))
		if err == nil || !strings.Contains(err.Error(), "larger than") {
			t.Error(err)
		}
	}
}

func TestNameOfWhatIsNoURL(t *testing.T) {
	for _, url := range []string{"", "t0ken", "http://t0ken\x01", "mailto:t0ken"} {
		if name := (Target{URL: url}).Name(); strings.Contains(name, "t0ken") || name == "" {
			t.Errorf("%q", name)
		}
	}
}
