package state

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseFrames(t *testing.T) {
	for _, c := range []struct {
		name, out string
		want      map[string]frame
		whole     bool
	}{
		{"nothing", "", map[string]frame{}, false},
		{"one", "\nM begin a\nx\ny\n\nM end a 0 \nM done\n", map[string]frame{"a": {data: []byte("x\ny\n")}}, true},
		{"fault", "\nM begin a\n\nM end a 3 no\nway\nM begin b\n\x00\nM end b 0 \nM done\n", map[string]frame{"a": {data: []byte{}, code: 3, said: "no\nway"}, "b": {data: []byte{0}}}, true},
		{"other marks inside", "\nM begin a\nN end a 9 \nXM end a 9 x\nM\nMM \nM end a 0 \nM done\n", map[string]frame{"a": {data: []byte("N end a 9 \nXM end a 9 x\nM\nMM ")}}, true},
		{"no end", "\nM begin a\nx\nM begin b\ny\nM end b 0 \nM begin c\nz", map[string]frame{"b": {data: []byte("y")}}, false},
		{"wrong end", "\nM begin a\nx\nM end b 0 \nM end a 0 \nM begin c\n\nM end c x \nM end c\nM what\n", map[string]frame{}, false},
		{"greeting", "hello\nM begin a\n\nM end a 0 \nM done", map[string]frame{"a": {data: []byte{}}}, true},
	} {
		got, whole := parseFrames([]byte(c.out), "M")
		if d := cmp.Diff(c.want, got, cmp.AllowUnexported(frame{}), cmp.Comparer(func(a, b []byte) bool { return string(a) == string(b) })); d != "" || whole != c.whole {
			t.Errorf("%s: whole %t; -want +got\n%s", c.name, whole, d)
		}
	}
}

// FuzzParseFrames puts data that does not hold the mark into a frame, and asks
// for it back, whatever comes before and after.
func FuzzParseFrames(f *testing.F) {
	f.Add("x", "\nM begin", "y")
	f.Add("\nmark begin a\n", "\nmark end a 0 ", "")
	f.Add("", "\x00", "\nM end a 0 \n")
	f.Fuzz(func(t *testing.T, before, data, after string) {
		_, _ = parseFrames([]byte(before+data+after), "mark") // hostile: it may not panic
		const secret = "5BXQ7SZ3KDNTM2"
		out := fmt.Sprintf("%s\n%s begin a\n%s\n%s end a 0 %s\n%s done\n", before, secret, data, secret, after, secret)
		got, whole := parseFrames([]byte(out), secret)
		if string(got["a"].data) != data || !whole {
			t.Errorf("%q came back as %q, whole %t", data, got["a"].data, whole)
		}
	})
}
