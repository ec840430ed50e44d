package report

import "unicode/utf8"

// style of a text in a picture.
type textStyle int

const (
	plainText textStyle = iota
	boldText
	monoText
)

// fit cuts s so that it is about width pixels wide at a font size of em
// pixels. It guesses high, since fonts differ; what it lets through beyond is
// clipped by the picture.
func fit(s string, width int, em float64, style textStyle) string {
	left := float64(width)
	for i, r := range s {
		left -= em * advance(r, style)
		if left < 0 {
			return shorten(s[:i])
		}
	}
	return s
}

// shorten replaces the last character of s by "…".
func shorten(s string) string {
	_, n := utf8.DecodeLastRuneInString(s)
	return s[:len(s)-n] + "…"
}

// textWidth is about the width of s in pixels.
func textWidth(s string, em float64, style textStyle) int {
	width := 0.0
	for _, r := range s {
		width += em * advance(r, style)
	}
	return int(width) + 1
}

// advance is the width of r in parts of the font size.
func advance(r rune, style textStyle) float64 {
	var w float64
	switch {
	case r >= 0x1100:
		return 1.05
	case style == monoText:
		return 0.61
	case r == 'm' || r == 'w' || r == 'M' || r == 'W' || r == '@' || r == '%':
		w = 0.9
	case r == 'i' || r == 'j' || r == 'l' || r == 'f' || r == 't' || r == '.' || r == ',' || r == ':' || r == ' ' || r == '-':
		w = 0.38
	case r >= 'A' && r <= 'Z' || r > 0x7f:
		w = 0.68
	default:
		w = 0.61
	}
	if style == boldText {
		w *= 1.15
	}
	return w
}
