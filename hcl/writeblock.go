package hcl

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"

	"github.com/patchlab/patchlab/lab"
)

// blockWriter writes blocks and their attributes; the layout is made
// afterwards. Its methods leave out what has the default.
type blockWriter struct {
	text *bytes.Buffer
	err  error // the first one
}

func (w *blockWriter) fail(text string) {
	if w.err == nil {
		w.err = errors.New(text)
	}
}

func (w *blockWriter) open(head string) { w.text.WriteString(head + " {\n") }

// close ends a block; one with nothing in it is one line.
func (w *blockWriter) close() {
	if bytes.HasSuffix(w.text.Bytes(), []byte(" {\n")) {
		w.text.Truncate(w.text.Len() - 1)
	}
	w.text.WriteString("}\n")
}

// attr writes an attribute with an expression.
func (w *blockWriter) attr(name, expr string) {
	fmt.Fprintf(w.text, "%s = %s\n", name, expr)
}

// quoted writes text as a string of the language.
func quoted(text string) string {
	return string(hclwrite.TokensForValue(cty.StringVal(text)).Bytes())
}

// quote is quoted for text that the language can hold.
func (w *blockWriter) quote(text string) string {
	if !utf8.ValidString(text) {
		w.fail("a text in it is not UTF-8")
	}
	return quoted(text)
}

// str writes a string unless it is empty or def.
func (w *blockWriter) str(name, text, def string) {
	if text != "" && text != def {
		w.attr(name, w.quote(text))
	}
}

// num writes a number unless it is 0 or def.
func (w *blockWriter) num(name string, n, def int) {
	if n != 0 && n != def {
		w.attr(name, strconv.Itoa(n))
	}
}

func (w *blockWriter) optional(name string, n *int) {
	if n != nil {
		w.attr(name, strconv.Itoa(*n))
	}
}

func (w *blockWriter) yes(name string, is, def bool) {
	if is != def {
		w.attr(name, strconv.FormatBool(is))
	}
}

func (w *blockWriter) duration(name string, d, def time.Duration) {
	if d != 0 && d != def {
		w.attr(name, strconv.Quote(shortDuration(d)))
	}
}

// list writes a list of strings unless it is nil.
func (w *blockWriter) list(name string, texts []string) {
	if texts != nil {
		w.attr(name, w.listOf(texts))
	}
}

func (w *blockWriter) listOf(texts []string) string {
	var parts []string
	for _, t := range texts {
		parts = append(parts, w.quote(t))
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

func (w *blockWriter) rows(name string, rows [][]string) {
	if rows == nil {
		return
	}
	var parts []string
	for _, r := range rows {
		parts = append(parts, w.listOf(r))
	}
	w.attr(name, "["+strings.Join(parts, ", ")+"]")
}

// object writes pairs of names and expressions.
func object(pairs ...[2]string) string {
	var parts []string
	for _, p := range pairs {
		parts = append(parts, p[0]+" = "+p[1])
	}
	return "{ " + strings.Join(parts, ", ") + " }"
}

// server writes where a check connects to. Port and tlsPort are the defaults.
func (w *blockWriter) server(s lab.Server, port, tlsPort int) {
	if s.Security == lab.TLS {
		port = tlsPort
	}
	w.str("host", s.Host, "")
	w.num("port", s.Port, port)
	if slices.Contains(anySecurity(), s.Security) {
		w.str("security", string(s.Security), string(lab.Plain))
	}
	w.login(s)
}

func (w *blockWriter) login(s lab.Server) {
	w.yes("insecure", s.Insecure, false)
	w.str("user", s.User, "")
	w.str("password", s.Password, "")
}
