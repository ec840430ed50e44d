package report_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/report"
)

// node is a part of the schema, as far as it is compared with the model.
type node struct {
	Schema      string          `json:"$schema"`
	Ref         string          `json:"$ref"`
	Comment     string          `json:"$comment"`
	Description string          `json:"description"`
	Type        any             `json:"type"`
	Format      string          `json:"format"`
	Enum        []string        `json:"enum"`
	Properties  map[string]node `json:"properties"`
	Required    []string        `json:"required"`
	Items       *node           `json:"items"`
	Names       *node           `json:"propertyNames"`
	Additional  json.RawMessage `json:"additionalProperties"`
	Defs        map[string]node `json:"$defs"`
}

// field is a field of a struct as JSON has it.
type field struct {
	name  string
	typ   reflect.Type
	empty bool // left out when empty
}

// fields lists the fields of a struct, those of embedded structs with them.
func fields(typ reflect.Type) []field {
	var out []field
	for i := range typ.NumField() {
		f := typ.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			out = append(out, fields(f.Type)...)
		case name != "-":
			out = append(out, field{name, f.Type, strings.Contains(options, "omitempty") || strings.Contains(options, "omitzero")})
		}
	}
	return out
}

// drift compares the schema with the model, both ways.
type drift struct {
	*testing.T
	root node
	used map[string]bool // definitions
	todo []reflect.Type
}

func TestSchemaIsTheModel(t *testing.T) {
	d := &drift{T: t, used: map[string]bool{}}
	if err := json.Unmarshal(report.Schema(), &d.root); err != nil {
		t.Fatal(err)
	}
	if d.root.Schema != "https://json-schema.org/draft/2020-12/schema" {
		t.Errorf("the schema is of draft %q", d.root.Schema)
	}
	d.object(reflect.TypeFor[lab.Record](), d.root)
	for len(d.todo) > 0 {
		typ := d.todo[0]
		d.todo = d.todo[1:]
		def, there := d.root.Defs[typ.Name()]
		switch {
		case !there:
			t.Errorf("the schema does not define %s", typ.Name())
		case typ.Kind() == reflect.Struct:
			d.object(typ, def)
		default:
			d.enum(typ.Name(), def)
		}
	}
	for name := range d.root.Defs {
		if !d.used[name] {
			t.Errorf("the schema defines %s, which no record has", name)
		}
	}
}

func (d *drift) object(typ reflect.Type, n node) {
	if n.Description == "" || n.Type != "object" || string(n.Additional) != "true" {
		d.Errorf("%s is no described, open object: %q, %v, %s", typ, n.Description, n.Type, n.Additional)
	}
	left := maps.Clone(n.Properties)
	var want []string
	for _, f := range fields(typ) {
		p, there := n.Properties[f.name]
		if !there {
			d.Errorf("%s: field %q is not in the schema", typ, f.name)
			continue
		}
		delete(left, f.name)
		if p.Description == "" {
			d.Errorf("%s: field %q is not described", typ, f.name)
		}
		if !f.empty && p.Comment == "" {
			want = append(want, f.name)
		}
		d.value(fmt.Sprintf("%s.%s", typ.Name(), f.name), f.typ, p, f.empty)
	}
	for name := range left {
		d.Errorf("%s: the schema has field %q, which is not there", typ, name)
	}
	slices.Sort(want)
	if got := slices.Sorted(slices.Values(n.Required)); !slices.Equal(got, want) {
		d.Errorf("%s: required are\n%q, not\n%q", typ, got, want)
	}
}

// value compares one value. Empty says that it is left out when empty, so
// that a list or map of that kind is never null.
func (d *drift) value(path string, typ reflect.Type, n node, empty bool) {
	null := func(t string) any {
		if empty {
			return t
		}
		return []any{t, "null"}
	}
	var want any
	switch {
	case typ == reflect.TypeFor[time.Time]():
		want = "string"
		if n.Format != "date-time" {
			d.Errorf("%s: a time without the format", path)
		}
	case typ == reflect.TypeFor[netip.Addr](), typ == reflect.TypeFor[string]():
		want = "string"
	case typ.Kind() == reflect.Pointer:
		d.value(path, typ.Elem(), n, empty)
		return
	case typ.Kind() == reflect.Struct, typ.Kind() == reflect.String:
		d.ref(path, typ, n)
		return
	case typ.Kind() == reflect.Slice:
		want = null("array")
		d.value(path+"[]", typ.Elem(), orNothing(n.Items), true)
	case typ.Kind() == reflect.Map:
		want = null("object")
		d.mapping(path, typ, n)
	case typ.Kind() == reflect.Bool:
		want = "boolean"
	case typ.Kind() == reflect.Float64:
		want = "number"
	case typ.Kind() == reflect.Int || typ.Kind() == reflect.Int64:
		want = "integer"
	default:
		d.Fatalf("%s: do not know what a %s is in JSON", path, typ)
	}
	if !reflect.DeepEqual(n.Type, want) {
		d.Errorf("%s: the schema says %v, not %v", path, n.Type, want)
	}
}

func orNothing(n *node) node {
	if n == nil {
		return node{}
	}
	return *n
}

func (d *drift) mapping(path string, typ reflect.Type, n node) {
	var values node
	if err := json.Unmarshal(n.Additional, &values); err != nil {
		d.Errorf("%s: the schema does not say what it holds: %v", path, err)
	}
	d.value(path+"[]", typ.Elem(), values, true)
	if typ.Key() != reflect.TypeFor[string]() {
		d.value(path+" names", typ.Key(), orNothing(n.Names), true)
	}
}

func (d *drift) ref(path string, typ reflect.Type, n node) {
	if want := "#/$defs/" + typ.Name(); n.Ref != want {
		d.Errorf("%s: the schema refers to %q, not %q", path, n.Ref, want)
	}
	if !d.used[typ.Name()] {
		d.used[typ.Name()] = true
		d.todo = append(d.todo, typ)
	}
}
