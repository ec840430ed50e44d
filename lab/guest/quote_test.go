package guest

import (
	"os/exec"
	"strings"
	"testing"
)

func TestQuote(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, ""},
		{[]string{""}, "''"},
		{[]string{"systemctl", "is-active", "apache2.service"}, "systemctl is-active apache2.service"},
		{[]string{"a b", "c"}, "'a b' c"},
		{[]string{"it's"}, `'it'\''s'`},
		{[]string{"$(reboot)", "`id`", "a;b", "~root", "A=b", "*"}, "'$(reboot)' '`id`' 'a;b' '~root' 'A=b' '*'"},
		{[]string{"a\nb", "ä", "\xff"}, "'a\nb' 'ä' '\xff'"},
	} {
		if got := Quote(c.args...); got != c.want {
			t.Errorf("Quote(%q) = %s, want %s", c.args, got, c.want)
		}
	}
}

// FuzzQuote asks a real shell what it makes of the words.
func FuzzQuote(f *testing.F) {
	for _, s := range []string{"", "a", "it's", "$HOME", "a\nb", "\\", "'", "''\"", "-n", "A=b", "~", "*", "\xff\x01", "a\rb", "!x"} {
		f.Add(s, "second")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		if strings.ContainsRune(a+b, 0) || len(a)+len(b) > 60<<10 {
			return
		}
		for _, line := range []string{
			"printf '%s\\0' " + Quote(a, b),
			"exec " + Quote("sh", "-c", "printf '%s\\0' "+Quote(a, b)), // quoted twice, as Run does
		} {
			out, err := exec.Command("/bin/sh", "-c", line).Output()
			if err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			if want := a + "\x00" + b + "\x00"; string(out) != want {
				t.Fatalf("sh gives %q, want %q", out, want)
			}
		}
	})
}
