package report

import (
	_ "embed"
	"slices"
)

//go:embed record.schema.json
var schema []byte

// Schema is the JSON Schema (draft 2020-12) of what JSON writes: it says of
// each field what it holds. It also holds for records of older versions of
// this program; the fields that came later are not required.
func Schema() []byte { return slices.Clone(schema) }
