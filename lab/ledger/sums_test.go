package ledger

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestSums compares with sha256sum(1), also for names that it escapes.
func TestSums(t *testing.T) {
	dir := t.TempDir()
	names := []string{recordFile, "a b", "a\\b", "a\nb", "  two", "z/ü", "z/\xff", "sub/.hidden", ".lock", ".hid/den"}
	for _, name := range names {
		path := filepath.Join(dir, name)
		must(t, os.MkdirAll(filepath.Dir(path), 0o700))
		must(t, os.WriteFile(path, []byte(name), 0o600))
	}
	must(t, WriteSums(dir))
	first, err := os.ReadFile(filepath.Join(dir, sumsFile))
	must(t, err)
	must(t, WriteSums(dir))
	again, err := os.ReadFile(filepath.Join(dir, sumsFile))
	must(t, err)
	if string(first) != string(again) || strings.Contains(string(first), ".lock") {
		t.Errorf("sums %s, again %s", first, again)
	}
	listed, err := parseSums(first)
	must(t, err)
	if len(listed) != 8 {
		t.Errorf("%d files, want 8: %q", len(listed), listed)
	}
	for name, sum := range listed {
		if sum != sumText(name) {
			t.Errorf("%q: %s", name, sum)
		}
	}
	cmd := exec.CommandContext(t.Context(), "sha256sum", "--check", "--strict", "--quiet", sumsFile)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("sha256sum: %v\n%s", err, out)
	}
	must(t, os.Symlink("/etc/passwd", filepath.Join(dir, "link")))
	if err := WriteSums(dir); err == nil {
		t.Error("a link was passed over")
	}
}

func TestParseSumsHostile(t *testing.T) {
	sum := sumText("")
	good := sum + "  run.json\n"
	if _, err := parseSums([]byte(good)); err != nil {
		t.Error(err)
	}
	for _, line := range []string{
		sum + "  ../x", sum + "  /etc/passwd", sum + "  a/../../x", sum + "  ./a", sum + "  a//b", sum + "  ", sum + "  .",
		sum + " *x", sum[:63] + "  x", strings.Repeat("g", 64) + "  x", "", sum + "  SHA256SUMS", sum + "  .x", `\` + sum + `  ..\\x` + "/../..",
	} {
		if listed, err := parseSums([]byte(good + line + "\n")); err == nil {
			t.Errorf("%q was accepted: %q", line, listed)
		}
	}
	if _, err := parseSums([]byte(sum + "  other\n")); err == nil {
		t.Error("sums without a record were accepted")
	}
}

// FuzzSums reads lists that anybody may have written: what is accepted stays
// in its folder, and is written again as it was.
func FuzzSums(f *testing.F) {
	sum := sumText("")
	f.Add([]byte(sum + "  run.json\n"))
	f.Add([]byte(sum + "  run.json\n" + `\` + sum + `  a\\b\nc` + "\n"))
	f.Add([]byte(sum + "  run.json\n" + sum + "  ../x\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		listed, err := parseSums(text)
		if err != nil {
			return
		}
		for path, sum := range listed {
			if !filepath.IsLocal(path) || path[0] == '.' {
				t.Errorf("%q", path)
			}
			again, err := parseSums([]byte(sumLine(sumText(""), recordFile) + sumLine(sum, path)))
			if err != nil || again[path] != sum {
				t.Errorf("%q: %q, %v", path, again, err)
			}
		}
	})
}
