package report_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/report"
)

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(report.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("record.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("record.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// beginning is a run that ended before there was a ready state.
func beginning() *lab.Record {
	r := wholeRecord()
	return &lab.Record{
		Version: 1, Lab: r.Lab, Run: r.Run, Started: r.Started, Patch: r.Patch, Verdict: lab.Inconclusive,
		Reason: `cannot reach machine "db"`, Machines: []lab.MachineRecord{{Name: "db", Target: true, Wave: 1}},
		Checks:  []lab.CheckRecord{{Name: "page", Kind: "http", From: "db", Severity: lab.Critical, Class: lab.ClassNotRun}},
		Control: lab.ControlRecord{Mode: "off", Reason: "the run did not get so far"}, Tool: lab.ToolRecord{Host: "spare"},
	}
}

func TestSchemaTakesRecords(t *testing.T) {
	allSaid(t, reflect.ValueOf(wholeRecord()), "Record")
	s := compiled(t)
	for name, r := range map[string]*lab.Record{
		"whole": wholeRecord(), "sound": soundRecord(), "early": beginning(), "hostile": spoiled(hostile, 3, false),
	} {
		if err := s.Validate(decoded(t, r)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Records of older versions lack the fields that came later, and newer ones
// have some that this version does not know.
func TestSchemaTakesOtherVersions(t *testing.T) {
	doc := decoded(t, wholeRecord()).(map[string]any)
	for _, later := range []string{"definition", "networks", "ready", "control", "changes", "noise", "receipt"} {
		delete(doc, later)
	}
	delete(doc["machines"].([]any)[0].(map[string]any), "verified")
	doc["phase_of_the_moon"] = "full"
	doc["tool"].(map[string]any)["mood"] = 3
	if err := compiled(t).Validate(doc); err != nil {
		t.Error(err)
	}
}

func TestSchemaRefusesWhatIsNoRecord(t *testing.T) {
	s := compiled(t)
	for name, spoil := range map[string]func(map[string]any){
		"other version":     func(m map[string]any) { m["version"] = 2.0 },
		"no verdict":        func(m map[string]any) { delete(m, "verdict") },
		"unknown verdict":   func(m map[string]any) { m["verdict"] = "maybe" },
		"no hash":           func(m map[string]any) { m["patch"].(map[string]any)["sha256"] = "" },
		"upper-case hash":   func(m map[string]any) { m["patch"].(map[string]any)["sha256"] = strings.Repeat("A", 64) },
		"text as number":    func(m map[string]any) { m["seconds"] = "65" },
		"negative duration": func(m map[string]any) { m["seconds"] = -1.0 },
		"half a count":      func(m map[string]any) { m["noise"] = 0.5 },
		"no time":           func(m map[string]any) { m["started"] = "yesterday" },
		"unknown class":     func(m map[string]any) { m["checks"].([]any)[0].(map[string]any)["class"] = "odd" },
		"unknown arm":       func(m map[string]any) { arms(m)["leg"] = arms(m)["patched"] },
		"a result's number": func(m map[string]any) { arms(m)["patched"].(map[string]any)["samples"] = []any{"1"} },
		"machines as map":   func(m map[string]any) { m["machines"] = map[string]any{} },
		"control mode":      func(m map[string]any) { m["control"].(map[string]any)["mode"] = "perhaps" },
	} {
		doc := decoded(t, wholeRecord()).(map[string]any)
		spoil(doc)
		if s.Validate(doc) == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	for _, text := range []string{`null`, `[]`, `{}`, `"pass"`} {
		var doc any
		if err := json.Unmarshal([]byte(text), &doc); err != nil {
			t.Fatal(err)
		}
		if s.Validate(doc) == nil {
			t.Errorf("%s: accepted", text)
		}
	}
}

func arms(m map[string]any) map[string]any {
	return m["checks"].([]any)[0].(map[string]any)["arms"].(map[string]any)
}

func TestSchemaIsACopy(t *testing.T) {
	report.Schema()[0] = 'x'
	if report.Schema()[0] != '{' {
		t.Error("a caller can change the schema")
	}
}
