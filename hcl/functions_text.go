package hcl

import (
	"crypto/sha1" //nolint:gosec // offered to definitions for what the customer's systems use, not relied upon
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// textFunc is a function from one string to another.
func textFunc(f func(string) (string, error)) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "text", Type: cty.String}},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			out, err := f(args[0].AsString())
			if err != nil {
				return cty.UnknownVal(cty.String), function.NewArgError(0, err)
			}
			return cty.StringVal(out), nil
		},
	})
}

// testFunc is a function from two strings to a bool.
func testFunc(second string, f func(a, b string) bool) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "text", Type: cty.String}, {Name: second, Type: cty.String}},
		Type:   function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			return cty.BoolVal(f(args[0].AsString(), args[1].AsString())), nil
		},
	})
}

func startsWithFunc() function.Function  { return testFunc("prefix", strings.HasPrefix) }
func endsWithFunc() function.Function    { return testFunc("suffix", strings.HasSuffix) }
func strContainsFunc() function.Function { return testFunc("part", strings.Contains) }

func base64EncodeFunc() function.Function {
	return textFunc(func(s string) (string, error) { return base64.StdEncoding.EncodeToString([]byte(s)), nil })
}

func base64DecodeFunc() function.Function {
	return textFunc(func(s string) (string, error) {
		out, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			return "", errors.New("not valid base64")
		}
		if !utf8.Valid(out) {
			return "", errors.New("what it encodes is not UTF-8 text")
		}
		return string(out), nil
	})
}

func sha1Func() function.Function {
	return textFunc(func(s string) (string, error) {
		sum := sha1.Sum([]byte(s)) //nolint:gosec // see the import
		return hex.EncodeToString(sum[:]), nil
	})
}

func sha256Func() function.Function {
	return textFunc(func(s string) (string, error) {
		sum := sha256.Sum256([]byte(s))
		return hex.EncodeToString(sum[:]), nil
	})
}

func sha512Func() function.Function {
	return textFunc(func(s string) (string, error) {
		sum := sha512.Sum512([]byte(s))
		return hex.EncodeToString(sum[:]), nil
	})
}

func urlEncodeFunc() function.Function {
	return textFunc(func(s string) (string, error) { return url.QueryEscape(s), nil })
}

// replaceFunc replaces text, or what a regular expression matches when the
// second argument stands between slashes.
func replaceFunc() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{
			{Name: "text", Type: cty.String}, {Name: "old", Type: cty.String}, {Name: "new", Type: cty.String},
		},
		Type: function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			old := args[1].AsString()
			if len(old) > 1 && strings.HasPrefix(old, "/") && strings.HasSuffix(old, "/") {
				return stdlib.RegexReplace(args[0], cty.StringVal(old[1:len(old)-1]), args[2])
			}
			return stdlib.Replace(args[0], args[1], args[2])
		},
	})
}
