package ledger

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/patchlab/patchlab/lab"
)

// TestSchema validates entries of all kinds.
func TestSchema(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile("entry.schema.json")
	must(t, err)
	a, b := newHome(t), newHome(t)
	a.run(t, "vet", 1, lab.Pass)
	rec := b.record(t, "dental", 2, lab.Fail)
	rec.Retain, rec.Backout = &lab.Retention{Days: 3}, &lab.BackoutRecord{Result: lab.NoBackout}
	_, err = b.Enter(rec)
	must(t, err)
	b.decide(t, Approve, rec, b.now.AddDate(1, 0, 0))
	b.decide(t, Reject, rec, time.Time{})
	b.merge(t, a)
	must(t, b.Remove([]string{b.run(t, "dental", 3, lab.Fail).Dir}))
	kinds := map[string]bool{}
	for _, line := range b.lines(t) {
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(line))
		must(t, err)
		if err := schema.Validate(v); err != nil {
			t.Errorf("%s: %v", line, err)
		}
		m := v.(map[string]any)
		kinds[m["kind"].(string)] = true
		delete(m, "prev")
		if schema.Validate(m) == nil {
			t.Error("an entry without a chain is valid")
		}
	}
	if len(kinds) != 6 {
		t.Errorf("kinds %v, want 6", kinds)
	}
}

// TestSchemaWhole finds fields that the schema does not describe, and those
// that it describes and are not there.
func TestSchemaWhole(t *testing.T) {
	text, err := os.ReadFile("entry.schema.json")
	must(t, err)
	var doc map[string]any
	must(t, json.NewDecoder(bytes.NewReader(text)).Decode(&doc))
	described(t, "", reflect.TypeFor[Entry](), doc, doc["$defs"].(map[string]any))
}

func described(t *testing.T, path string, typ reflect.Type, schema, defs map[string]any) {
	t.Helper()
	if ref, ok := schema["$ref"].(string); ok {
		schema = defs[strings.TrimPrefix(ref, "#/$defs/")].(map[string]any)
	}
	for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice {
		if typ.Kind() == reflect.Slice {
			schema = schema["items"].(map[string]any)
			if ref, ok := schema["$ref"].(string); ok {
				schema = defs[strings.TrimPrefix(ref, "#/$defs/")].(map[string]any)
			}
		}
		typ = typ.Elem()
	}
	if typ.Kind() != reflect.Struct || typ == reflect.TypeFor[time.Time]() {
		return
	}
	props, _ := schema["properties"].(map[string]any)
	seen := map[string]bool{}
	for i := range typ.NumField() {
		name, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
		if name == "-" || !typ.Field(i).IsExported() {
			continue
		}
		seen[name] = true
		p, ok := props[name].(map[string]any)
		if !ok || p["description"] == nil {
			t.Errorf("%s.%s is not described", path, name)
			continue
		}
		described(t, path+"."+name, typ.Field(i).Type, p, defs)
	}
	for name := range props {
		if !seen[name] {
			t.Errorf("%s.%s is described, and does not exist", path, name)
		}
	}
}
