package hcl

import (
	"maps"

	"github.com/hashicorp/hcl/v2/ext/tryfunc"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// functions are those that expressions can call: as Terraform has them, and
// pure. None reads a file, the time or the environment, so that a definition
// says the same on each host.
func functions() map[string]function.Function {
	all := map[string]function.Function{}
	maps.Copy(all, textFunctions())
	maps.Copy(all, numberFunctions())
	maps.Copy(all, typeFunctions())
	maps.Copy(all, collectionFunctions())
	return all
}

// textFunctions work on strings.
func textFunctions() map[string]function.Function {
	return map[string]function.Function{
		"base64decode": base64DecodeFunc(),
		"base64encode": base64EncodeFunc(),
		"chomp":        stdlib.ChompFunc,
		"csvdecode":    stdlib.CSVDecodeFunc,
		"endswith":     endsWithFunc(),
		"format":       stdlib.FormatFunc,
		"formatlist":   stdlib.FormatListFunc,
		"indent":       stdlib.IndentFunc,
		"join":         stdlib.JoinFunc,
		"jsondecode":   stdlib.JSONDecodeFunc,
		"jsonencode":   stdlib.JSONEncodeFunc,
		"lower":        stdlib.LowerFunc,
		"regex":        stdlib.RegexFunc,
		"regexall":     stdlib.RegexAllFunc,
		"replace":      replaceFunc(),
		"sha1":         sha1Func(),
		"sha256":       sha256Func(),
		"sha512":       sha512Func(),
		"split":        stdlib.SplitFunc,
		"startswith":   startsWithFunc(),
		"strcontains":  strContainsFunc(),
		"strlen":       stdlib.StrlenFunc,
		"strrev":       stdlib.ReverseFunc,
		"substr":       stdlib.SubstrFunc,
		"title":        stdlib.TitleFunc,
		"trim":         stdlib.TrimFunc,
		"trimprefix":   stdlib.TrimPrefixFunc,
		"trimspace":    stdlib.TrimSpaceFunc,
		"trimsuffix":   stdlib.TrimSuffixFunc,
		"upper":        stdlib.UpperFunc,
		"urlencode":    urlEncodeFunc(),
	}
}

// numberFunctions work on numbers and addresses.
func numberFunctions() map[string]function.Function {
	return map[string]function.Function{
		"abs":         stdlib.AbsoluteFunc,
		"ceil":        stdlib.CeilFunc,
		"cidrhost":    cidrHostFunc(),
		"cidrnetmask": cidrNetmaskFunc(),
		"cidrsubnet":  cidrSubnetFunc(),
		"floor":       stdlib.FloorFunc,
		"log":         stdlib.LogFunc,
		"max":         stdlib.MaxFunc,
		"min":         stdlib.MinFunc,
		"parseint":    stdlib.ParseIntFunc,
		"pow":         stdlib.PowFunc,
		"signum":      stdlib.SignumFunc,
		"sum":         sumFunc(),
	}
}

// typeFunctions work on any value, or turn it into another type.
func typeFunctions() map[string]function.Function {
	return map[string]function.Function{
		"can":          tryfunc.CanFunc,
		"nonsensitive": nonsensitiveFunc(),
		"sensitive":    sensitiveFunc(),
		"tobool":       stdlib.MakeToFunc(cty.Bool),
		"tolist":       stdlib.MakeToFunc(cty.List(cty.DynamicPseudoType)),
		"tomap":        stdlib.MakeToFunc(cty.Map(cty.DynamicPseudoType)),
		"tonumber":     stdlib.MakeToFunc(cty.Number),
		"toset":        stdlib.MakeToFunc(cty.Set(cty.DynamicPseudoType)),
		"tostring":     stdlib.MakeToFunc(cty.String),
		"try":          tryfunc.TryFunc,
	}
}

// collectionFunctions work on lists, sets and maps.
func collectionFunctions() map[string]function.Function {
	return map[string]function.Function{
		"alltrue":         allTrueFunc(),
		"anytrue":         anyTrueFunc(),
		"chunklist":       stdlib.ChunklistFunc,
		"coalesce":        coalesceFunc(),
		"coalescelist":    stdlib.CoalesceListFunc,
		"compact":         stdlib.CompactFunc,
		"concat":          stdlib.ConcatFunc,
		"contains":        stdlib.ContainsFunc,
		"distinct":        stdlib.DistinctFunc,
		"element":         stdlib.ElementFunc,
		"flatten":         stdlib.FlattenFunc,
		"keys":            stdlib.KeysFunc,
		"length":          lengthFunc(),
		"lookup":          stdlib.LookupFunc,
		"merge":           stdlib.MergeFunc,
		"range":           stdlib.RangeFunc,
		"reverse":         stdlib.ReverseListFunc,
		"setintersection": stdlib.SetIntersectionFunc,
		"setproduct":      stdlib.SetProductFunc,
		"setsubtract":     stdlib.SetSubtractFunc,
		"setunion":        stdlib.SetUnionFunc,
		"slice":           stdlib.SliceFunc,
		"sort":            stdlib.SortFunc,
		"values":          stdlib.ValuesFunc,
		"zipmap":          stdlib.ZipmapFunc,
	}
}
