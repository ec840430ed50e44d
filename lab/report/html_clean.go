package report

import (
	"reflect"
	"slices"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

const (
	mostLine  = 600        // bytes of a text of one line
	mostBlock = 8 << 10    // bytes of a text of several lines
	mostText  = 1536 << 10 // bytes of all texts of several lines of one page
)

// blocks are the fields of a record whose texts have several lines.
var blocks = []string{"Evidence", "Diff", "Tail"}

// clean is a copy of r in which every text is harmless to show and of bounded
// size. It goes by the types of the fields, so that one that is added to the
// record is not forgotten.
func clean(r *lab.Record) *lab.Record {
	out := reflect.New(reflect.TypeFor[lab.Record]()).Elem()
	cleanInto(out, reflect.ValueOf(*r), "")
	rec := out.Interface().(lab.Record)
	return &rec
}

// cleanInto sets to, which is zero, to from. Field is the name of the field
// that holds it. What is of no known shape stays zero.
func cleanInto(to, from reflect.Value, field string) {
	switch from.Kind() {
	case reflect.String:
		to.SetString(cleanString(from.String(), field))
	case reflect.Struct:
		cleanStruct(to, from)
	case reflect.Slice:
		to.Set(reflect.MakeSlice(from.Type(), from.Len(), from.Len()))
		for i := range from.Len() {
			cleanInto(to.Index(i), from.Index(i), field)
		}
	case reflect.Map:
		to.Set(reflect.MakeMapWithSize(from.Type(), from.Len()))
		for it := from.MapRange(); it.Next(); {
			key, value := reflect.New(from.Type().Key()).Elem(), reflect.New(from.Type().Elem()).Elem()
			cleanInto(key, it.Key(), "")
			cleanInto(value, it.Value(), field)
			to.SetMapIndex(key, value)
		}
	case reflect.Pointer:
		if !from.IsNil() {
			to.Set(reflect.New(from.Type().Elem()))
			cleanInto(to.Elem(), from.Elem(), field)
		}
	case reflect.Bool, reflect.Int, reflect.Int64, reflect.Float64:
		to.Set(from)
	}
}

// cleanStruct takes types of other packages (times, addresses) as they are:
// their texts are made when they are shown.
func cleanStruct(to, from reflect.Value) {
	if from.Type().PkgPath() != reflect.TypeFor[lab.Record]().PkgPath() {
		to.Set(from)
		return
	}
	for i := range from.NumField() {
		if f := from.Type().Field(i); f.IsExported() {
			cleanInto(to.Field(i), from.Field(i), f.Name)
		}
	}
}

func cleanString(s, field string) string {
	switch {
	case field == "Tail":
		return lastLines(s, mostTailLines)
	case slices.Contains(blocks, field):
		return bounded(s, mostBlock, lab.PrintableText)
	}
	return line(s)
}

// line is s as one harmless line.
func line(s string) string { return bounded(s, mostLine, lab.Printable) }

// bounded is printable(s, limit) without reading a huge s to its end.
func bounded(s string, limit int, printable func(string, int) string) string {
	const mark = "…"
	much := 16 * limit
	if len(s) <= much {
		return printable(s, limit)
	}
	return strings.TrimSuffix(printable(s[:much], limit-len(mark)), mark) + mark
}

// lastLines is the end of s as harmless text: at most n lines, and mostBlock
// bytes. Of several empty lines in a row, as boot loaders draw, one stays.
func lastLines(s string, n int) string {
	s = s[max(0, len(s)-8*mostBlock):]
	var lines []string
	for l := range strings.SplitSeq(lab.PrintableText(s, 0), "\n") {
		l = strings.TrimRight(l, " \t")
		if l != "" || len(lines) > 0 && lines[len(lines)-1] != "" {
			lines = append(lines, lab.PrintableText(l, mostLine))
		}
	}
	lines = lines[max(0, len(lines)-n):]
	for len(strings.Join(lines, "\n")) > mostBlock && len(lines) > 1 {
		lines = lines[1:]
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n")
}

// budget is how many bytes of longer texts the page still takes.
type budget int

// take is s, or a word on where it is once the page has enough.
func (b *budget) take(s string) string {
	if s == "" {
		return ""
	}
	if *b -= budget(len(s)); *b < 0 {
		return "(left out of this page, which has enough text already; it is in the record)"
	}
	return s
}

// first is the first most of list, and how many more there are.
func first[T any](list []T, most int) ([]T, int) {
	n := min(most, len(list))
	return list[:n], len(list) - n
}
