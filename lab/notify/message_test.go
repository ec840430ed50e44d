package notify

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/patchlab/patchlab/lab"
)

func TestSubject(t *testing.T) {
	pass, fail := Result{Lab: "dental", Verdict: lab.Pass}, failed()
	unsure := Result{Lab: "a", Verdict: lab.Inconclusive, Code: 3}
	busy, fault := Result{Lab: "b", Code: 4}, Result{Lab: "c", Code: 2}
	skipped := Result{Lab: "d", Skipped: "already tested"}
	recalled, faulty := fail, Result{Lab: "e", Verdict: lab.Pass, Code: 3}
	recalled.Skipped = "made before the pass was cut off"
	for _, c := range []struct {
		want    string
		code    int
		results []Result
	}{
		{"patchlab: fail: dental: booking-broken", 1, []Result{fail}},
		{"patchlab: pass: dental", 0, []Result{pass}},
		{"patchlab: not tested: c", 2, []Result{fault}},
		{"patchlab: busy: b", 4, []Result{busy}},
		{"patchlab: skipped: d", 0, []Result{skipped}},
		{"patchlab: 1 failed, 3 passed on spare", 1, []Result{pass, fail, pass, pass}},
		{
			"patchlab: 1 failed, 1 inconclusive, 1 not tested, 1 busy, 1 passed, 1 skipped on spare", 4,
			[]Result{skipped, pass, busy, fault, unsure, fail},
		},
		{"patchlab: exit code 3: 2 passed on spare", 3, []Result{pass, pass}},
		{"patchlab: exit code 3: 1 passed on spare", 3, []Result{pass}},
		{"patchlab: exit code 4 on spare", 4, nil},
		{"patchlab: fail: dental: booking-broken", 1, []Result{recalled}},
		{"patchlab: 1 failed, 1 passed on spare", 1, []Result{recalled, pass}},
		{"patchlab: pass with a fault: e", 3, []Result{faulty}},
		{"patchlab: 1 passed with a fault, 1 passed on spare", 3, []Result{pass, faulty}},
		{"patchlab: nothing to test on spare", 0, nil},
	} {
		if m := NewMessage("spare", c.results, c.code, "", noon); m.Subject != c.want {
			t.Errorf("%q, want %q", m.Subject, c.want)
		}
	}
}

func TestWhoIsTold(t *testing.T) {
	r := func(v, before lab.Verdict, code int) Result { return Result{Verdict: v, Before: before, Code: code} }
	skip := Result{Skipped: "already tested", Before: lab.Fail}
	for name, c := range map[string]struct {
		m            Message
		fail, change bool
	}{
		"pass as before":       {Message{Results: []Result{r("pass", "pass", 0)}}, false, false},
		"first pass":           {Message{Results: []Result{r("pass", "", 0)}}, false, false},
		"pass again":           {Message{Results: []Result{r("pass", "fail", 0)}}, false, true},
		"first fail":           {Message{Results: []Result{r("fail", "", 1)}, Code: 1}, true, true},
		"fail as before":       {Message{Results: []Result{r("fail", "fail", 1)}, Code: 1}, true, false},
		"fail after pass":      {Message{Results: []Result{r("fail", "pass", 1)}, Code: 1}, true, true},
		"inconclusive as fail": {Message{Results: []Result{r("inconclusive", "fail", 3)}, Code: 3}, true, true},
		"pass with a fault":    {Message{Results: []Result{r("pass", "pass", 3)}, Code: 3}, true, true},
		"no run after pass":    {Message{Results: []Result{r("", "pass", 3)}, Code: 3}, true, true},
		"no run, new":          {Message{Results: []Result{r("", "", 2)}, Code: 2}, true, true},
		"skipped":              {Message{Results: []Result{skip}}, false, false},
		"nothing":              {Message{}, false, false},
		"nothing but a fault":  {Message{Code: 3}, true, true},
		"a fault of no run":    {Message{Code: 3, Results: []Result{r("pass", "pass", 0)}}, true, true},
		"one of many":          {Message{Code: 1, Results: []Result{r("pass", "pass", 0), r("fail", "", 1)}}, true, true},
	} {
		if got := c.m.concerns(OnFail); got != c.fail {
			t.Errorf("%s: fail %v", name, got)
		}
		if got := c.m.concerns(OnChange); got != c.change {
			t.Errorf("%s: change %v", name, got)
		}
		if !c.m.concerns(Always) {
			t.Errorf("%s: not always", name)
		}
	}
}

// Every string of a message goes through Redact, whatever is added to it.
func TestRedactedLeavesNoString(t *testing.T) {
	var m Message
	m.Results = make([]Result, 2)
	fill(reflect.ValueOf(&m).Elem())
	text, err := json.Marshal(m.redacted(func(s string) string { return strings.ReplaceAll(s, "hunter2", "(sensitive)") }))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "hunter2") || strings.Count(string(text), "(sensitive)") != 3+2*9 {
		t.Errorf("%d places: %s", strings.Count(string(text), "(sensitive)"), text)
	}
	if m.Results[0].Lab != "a hunter2" {
		t.Error("the original was changed")
	}
}

// fill sets every string in v.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString("a hunter2")
	case reflect.Slice:
		for i := range v.Len() {
			fill(v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				fill(v.Field(i))
			}
		}
	}
}

func TestHostileTextsAreHarmless(t *testing.T) {
	evil := "<script>\x1b]0;x\x07\x1b[2Jalert(1)\xff\u202e\r\nBcc: x@example.com" + strings.Repeat("A", 1<<20)
	r := failed()
	r.Lab, r.Patch, r.Reason = evil, evil, evil
	whole := NewMessage("spare", []Result{r}, 1, evil, noon)
	m := whole.redacted(func(s string) string { return s })
	for _, s := range []string{m.Subject, m.Text, m.Results[0].Reason, m.Results[0].Lab} {
		if !utf8.ValidString(s) || strings.ContainsAny(s, "\x1b\x07\r\u202e") {
			t.Errorf("%.100q", s)
		}
	}
	if strings.Contains(m.Subject, "\n") || len(m.Subject) > maxSubject || len(m.Text) > maxText || len(m.Results[0].Reason) > maxField {
		t.Error(len(m.Subject), len(m.Text), len(m.Results[0].Reason))
	}
	valid(t, m)
}

// schema compiles message.schema.json.
func schema(t *testing.T) (*jsonschema.Schema, map[string]any) {
	t.Helper()
	f, err := os.Open("message.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	doc, err := jsonschema.UnmarshalJSON(f)
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("message.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("message.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s, doc.(map[string]any)
}

// valid checks m as JSON against the schema.
func valid(t *testing.T, m Message) {
	t.Helper()
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	validText(t, text)
}

func validText(t *testing.T, text []byte) {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	s, _ := schema(t)
	if err := s.Validate(v); err != nil {
		t.Errorf("%v\n%.500s", err, text)
	}
}

func TestSchema(t *testing.T) {
	valid(t, message())
	valid(t, NewMessage("", nil, 0, "", noon))
	valid(t, Message{Version: 1, Time: noon, Results: []Result{{}}})
	s, doc := schema(t)
	for _, bad := range []string{
		`{}`, `[]`,
		`{"version":2,"host":"","time":"2026-11-23T12:00:00Z","code":0,"subject":"","text":"","results":[]}`,
		`{"version":1,"host":"","time":"yesterday","code":0,"subject":"","text":"","results":[]}`,
		`{"version":1,"host":"","time":"2026-11-23T12:00:00Z","code":0,"subject":"a\nb","text":"","results":[]}`,
		`{"version":1,"host":"","time":"2026-11-23T12:00:00Z","code":0,"subject":"","text":"","results":null}`,
		`{"version":1,"host":"","time":"2026-11-23T12:00:00Z","code":0,"subject":"","text":"","results":[{"lab":"x","code":1,"reason":"","seconds":1,"verdict":"maybe"}]}`,
	} {
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(bad))
		if err != nil {
			t.Fatal(err)
		}
		if s.Validate(v) == nil {
			t.Errorf("valid: %s", bad)
		}
	}
	described(t, doc, reflect.TypeFor[Message]())
	described(t, doc["$defs"].(map[string]any)["result"], reflect.TypeFor[Result]())
}

// described checks that the schema knows every field of a type, and no other.
func described(t *testing.T, doc any, typ reflect.Type) {
	t.Helper()
	properties := doc.(map[string]any)["properties"].(map[string]any)
	for i := range typ.NumField() {
		name, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
		if properties[name] == nil {
			t.Errorf("the schema has no %s of %s", name, typ)
		}
		delete(properties, name)
	}
	for name := range properties {
		t.Errorf("%s has no %s, which the schema has", typ, name)
	}
}
