package patch

import (
	"io"
	"strings"
	"sync"
)

// capture keeps a limited part of a command's output and passes all of it on.
// Both outputs of a command may be written to it at the same time.
type capture struct {
	to      io.Writer // nil: keep only
	limit   int       // bytes
	keepEnd bool      // keep the end instead of the beginning

	mu   sync.Mutex
	data []byte
	cut  bool
}

// Write implements io.Writer; its error is that of the writer behind it.
func (c *capture) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keep(b)
	if c.to == nil {
		return len(b), nil
	}
	return c.to.Write(b)
}

func (c *capture) keep(b []byte) {
	if !c.keepEnd {
		room := min(c.limit-len(c.data), len(b))
		c.cut = c.cut || room < len(b)
		c.data = append(c.data, b[:room]...)
		return
	}
	if len(b) > c.limit {
		c.data, b, c.cut = c.data[:0], b[len(b)-c.limit:], true
	}
	c.data = append(c.data, b...)
	if len(c.data) > 2*c.limit { // move seldom
		c.data = append(c.data[:0], c.data[len(c.data)-c.limit:]...)
		c.cut = true
	}
}

func (c *capture) text() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return string(c.data)
}

// lastLine is the last line of text with something in it.
func lastLine(text string) string {
	text = strings.TrimSpace(text)
	return strings.TrimSpace(text[strings.LastIndexAny(text, "\r\n")+1:])
}
