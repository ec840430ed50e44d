package patch

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// TestCaptureIsBounded prints 200 MB, in small writes and in large ones.
func TestCaptureIsBounded(t *testing.T) {
	const limit, total = 1 << 20, 200 << 20
	for _, size := range []int{100, 32 << 10, 8 << 20} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			c := &capture{limit: limit, keepEnd: true}
			line := bytes.Repeat([]byte("x"), size)
			for range total / size {
				if n, err := c.Write(line); n != size || err != nil {
					t.Fatal(n, err)
				}
			}
			_, _ = c.Write([]byte("\nE: the last line\n"))
			if got := c.text(); !strings.HasSuffix(got, "x\nE: the last line\n") || len(got) < limit/2 {
				t.Errorf("%d bytes, ending in %q", len(got), got[max(0, len(got)-30):])
			}
			if !c.cut || cap(c.data) > 4*limit {
				t.Errorf("cut %t, %d bytes are held, the limit is %d", c.cut, cap(c.data), limit)
			}
		})
	}
}

func TestCaptureOfTheBeginning(t *testing.T) {
	var to bytes.Buffer
	c := &capture{to: &to, limit: 5}
	_, _ = c.Write([]byte("abc"))
	_, _ = c.Write([]byte("defg"))
	if c.text() != "abcde" || !c.cut || to.String() != "abcdefg" {
		t.Errorf("%q, %t, %q", c.text(), c.cut, to.String())
	}
}
