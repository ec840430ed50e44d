package report

import (
	_ "embed" // for the style sheets
	"html/template"
)

//go:embed page/base.css
var baseCSS string

// Style is the style sheet that all pages share, for a <style> element: the
// light and dark colours as variables, type, tables (in a `.scroll` element
// where they may be wide), lists of facts (dl), `.badge` and `.banner` with
// `.pass`, `.fail`, `.inconclusive` (a badge also with `.note`; without any of
// them it is plain), `.muted`, `.small`, `.hash`, `.mono`, `.number` and
// `.visually-hidden`. It names no other file.
func Style() template.CSS {
	return template.CSS(baseCSS) //nolint:gosec // a file of this package
}

//go:embed page/report.css
var reportCSS string
