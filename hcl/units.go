package hcl

import (
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"time"

	"github.com/zclconf/go-cty/cty"
)

var sizePattern = regexp.MustCompile(`^([0-9]{1,12}(?:\.[0-9]{1,6})?) ?([A-Za-z]*)$`)

// parseSize reads a size such as "512MiB" as MiB.
func parseSize(text string) (int, error) {
	m := sizePattern.FindStringSubmatch(text)
	if m == nil {
		return 0, errors.New("it must be a number and a unit")
	}
	factor := map[string]int64{"MiB": 1, "GiB": 1 << 10, "TiB": 1 << 20}[m[2]]
	if factor == 0 {
		return 0, unitError(m[1], m[2])
	}
	n, _ := new(big.Rat).SetString(m[1]) // the pattern lets only numbers through
	n.Mul(n, new(big.Rat).SetInt64(factor))
	if !n.IsInt() {
		return 0, errors.New("it must be a whole number of MiB")
	}
	if !n.Num().IsInt64() || n.Num().Int64() > 1<<40 {
		return 0, errors.New("it is too large")
	}
	return int(n.Num().Int64()), nil
}

// unitError says which unit was meant.
func unitError(number, unit string) error {
	switch unit {
	case "":
		return fmt.Errorf("it has no unit.%s", didYouMean(number+"MiB"))
	case "M", "MB", "Mi", "m", "mb", "mib", "MIB", "Mb":
		return fmt.Errorf("unit %q is not known.%s", unit, didYouMean(number+"MiB"))
	case "G", "GB", "Gi", "g", "gb", "gib", "GIB", "Gb":
		return fmt.Errorf("unit %q is not known.%s", unit, didYouMean(number+"GiB"))
	case "T", "TB", "Ti", "t", "tb", "tib", "TIB", "Tb":
		return fmt.Errorf("unit %q is not known.%s", unit, didYouMean(number+"TiB"))
	}
	return fmt.Errorf("unit %q is not known: there are MiB, GiB and TiB", unit)
}

// size reads a size from lo to hi, all in MiB.
func (r *reader) size(name string, lo, hi, def int) int {
	v, ok := r.plain(name)
	if !ok {
		return def
	}
	const want = `a string with a unit, such as "512MiB" or "2GiB"`
	at := r.rangeOf(name)
	if v.Type() == cty.Number {
		r.fail(at, "Wrong type", "%q of %s must be %s; this is %s, without a unit.%s", name, r.what, want, describe(v),
			didYouMean(numberText(v.AsBigFloat())+"MiB"))
		return def
	}
	if v.Type() != cty.String {
		r.wrongType(name, at, want, v)
		return def
	}
	n, err := parseSize(v.AsString())
	if err != nil {
		r.fail(at, "Invalid size", "%q of %s must be %s; this is %s: %s", name, r.what, want, describe(v), sentence(err))
		return def
	}
	if n < lo || n > hi {
		r.fail(at, "Value out of range", "%q of %s must be from %dMiB to %dMiB; this is %s.", name, r.what, lo, hi, describe(v))
		return def
	}
	return n
}

// sentence is err's text with a mark at its end.
func sentence(err error) string {
	text := err.Error()
	if last := text[len(text)-1]; last == '?' || last == '.' {
		return text
	}
	return text + "."
}

const maxDuration = 24 * time.Hour

// duration reads a time such as "30s", more than nothing and at most
// maxDuration.
func (r *reader) duration(name string, def time.Duration) time.Duration {
	v, ok := r.plain(name)
	if !ok {
		return def
	}
	const want = `a string with a unit, such as "30s", "5m" or "1h30m"`
	at := r.rangeOf(name)
	if v.Type() == cty.Number {
		r.fail(at, "Wrong type", "%q of %s must be %s; this is %s, without a unit.%s", name, r.what, want, describe(v),
			didYouMean(numberText(v.AsBigFloat())+"s"))
		return def
	}
	if v.Type() != cty.String {
		r.wrongType(name, at, want, v)
		return def
	}
	d, err := time.ParseDuration(v.AsString())
	switch {
	case err != nil:
		r.fail(at, "Invalid duration", "%q of %s must be %s; this is %s.", name, r.what, want, describe(v))
	case d <= 0 || d > maxDuration:
		r.fail(at, "Value out of range", "%q of %s must be more than 0s and at most 24h; this is %s.", name, r.what, describe(v))
	default:
		return d
	}
	return def
}
