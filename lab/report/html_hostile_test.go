package report_test

import (
	"math"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	xhtml "golang.org/x/net/html"

	"github.com/patchlab/patchlab/lab"
)

// payload is what a machine, a file or a client might be called to take over
// the page.
const payload = `"><script>evil()</script></style></svg></title></pre></details></table><b id=evil class=evil onclick=evil()>` +
	`<img src=x onerror=evil()>' onload='evil() <iframe srcdoc=evil><base href=//evil><!-- ]]> javascript:evil() {{.}} &lt;script&gt;` +
	"\x1b[2J\x1b]8;;http://evil\x07\u202e\u2066\u200b\x00\x7f\u0085\ufeff\xff\r"

// fill sets every string of v to text, every list to two elements and every
// number to the one given.
func fill(v reflect.Value, text string, number float64, yes bool) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		v.SetBool(yes)
	case reflect.Int, reflect.Int64:
		v.SetInt(7)
	case reflect.Float64:
		v.SetFloat(number)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), text, number, yes)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			fillElement(v.Index(i), text, number, yes)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for _, key := range []string{text, "baseline", "patched", "control"} {
			element := reflect.New(v.Type().Elem()).Elem()
			fill(element, text, number, yes)
			v.SetMapIndex(reflect.ValueOf(key).Convert(v.Type().Key()), element)
		}
	case reflect.Struct:
		fillStruct(v, text, number, yes)
	}
}

// fillElement stops where a type holds itself.
func fillElement(v reflect.Value, text string, number float64, yes bool) {
	if v.Type() == reflect.TypeFor[lab.PartOutcome]() {
		p := lab.PartOutcome{Patch: text}
		p.Message, p.Status = text, lab.PatchStatus(text)
		v.Set(reflect.ValueOf(p))
		return
	}
	fill(v, text, number, yes)
}

func fillStruct(v reflect.Value, text string, number float64, yes bool) {
	switch v.Addr().Interface().(type) {
	case *time.Time:
		v.Set(reflect.ValueOf(time.Date(2026, 11, 23, 1, 2, 3, 0, time.FixedZone(text, 3600))))
		return
	case *netip.Addr:
		v.Set(reflect.ValueOf(netip.MustParseAddr("fe80::1").WithZone(text)))
		return
	}
	for i := range v.NumField() {
		if v.Type().Field(i).IsExported() {
			fill(v.Field(i), text, number, yes)
		}
	}
}

// hostileRecords are records whose every field is hostile, and such with the
// words of this program where it acts on them.
func hostileRecords() map[string]*lab.Record {
	out := map[string]*lab.Record{}
	for name, number := range map[string]float64{"NaN": math.NaN(), "huge": 1e300, "negative": -5, "infinite": math.Inf(1), "plain": 3} {
		var r lab.Record
		fill(reflect.ValueOf(&r).Elem(), payload, number, name == "plain")
		out[name] = &r
	}
	var r lab.Record
	fill(reflect.ValueOf(&r).Elem(), payload, 2, false)
	r.Verdict, r.Backout.Result, r.Control.Mode = lab.Fail, lab.BackedOutLeaves, "off"
	for i := range r.Checks {
		r.Checks[i].Class, r.Checks[i].Severity, r.Checks[i].From = lab.ClassRegression, lab.Warning, "gateway of "+payload
	}
	for i := range r.Machines {
		r.Machines[i].Target, r.Machines[i].Outcome.Status, r.Findings[i].Patch = true, lab.Applied, true
	}
	for i, kind := range []lab.StateKind{lab.StateFile, lab.StateCommand} {
		r.Changes[i].Kind = kind
		r.Phases[i].Arm, r.Phases[i].Name = lab.ArmPatched, "patch"
	}
	out["known words"] = &r
	return out
}

func TestHTMLOfAHostileRecord(t *testing.T) {
	for name, r := range hostileRecords() {
		t.Run(name, func(t *testing.T) {
			page := html(t, r, t.TempDir())
			if !strings.Contains(page, "&lt;script&gt;evil()") {
				t.Error("the record is not in the page")
			}
			doc, err := xhtml.Parse(strings.NewReader(page))
			if err != nil {
				t.Fatal(err)
			}
			for n := range doc.Descendants() {
				inspect(t, n)
			}
		})
	}
}

// inspect fails t when a node of the page is none that the templates make.
func inspect(t *testing.T, n *xhtml.Node) {
	t.Helper()
	switch n.Type {
	case xhtml.TextNode:
		for _, r := range n.Data {
			if r != '\n' && r != '\t' && !unicode.IsPrint(r) {
				t.Errorf("the character %U is in the text %.60q", r, n.Data)
				return
			}
		}
	case xhtml.ElementNode:
		inspectElement(t, n)
	case xhtml.CommentNode:
		t.Errorf("there is a comment: %.60q", n.Data)
	}
}

func inspectElement(t *testing.T, n *xhtml.Node) {
	t.Helper()
	elements := strings.Fields(`html head meta title style body header main footer nav section a p h1 h2 h3 div span b dl dt dd ul li
		table thead tbody tr th td details summary pre figure figcaption svg desc g path rect circle line text`)
	attributes := strings.Fields(`lang charset http-equiv content name class id href role tabindex scope colspan data-arm open
		aria-label aria-labelledby width height viewBox x y x1 y1 x2 y2 cx cy r rx d text-anchor`)
	if !slices.Contains(elements, n.Data) {
		t.Errorf("there is an element %q", n.Data)
	}
	for _, a := range n.Attr {
		switch {
		case !slices.Contains(attributes, a.Key):
			t.Errorf("there is an attribute %q of %q", a.Key, n.Data)
		case strings.Contains(a.Val, "evil"), strings.Contains(a.Val, "ZgotmplZ"):
			t.Errorf("%q of %q is %.60q", a.Key, n.Data, a.Val)
		case a.Key == "href" && !strings.HasPrefix(a.Val, "#"):
			t.Errorf("there is a link to %q", a.Val)
		}
	}
}

// TestHTMLIsBounded: whatever a record holds, the page stays small, and says
// that there is more.
func TestHTMLIsBounded(t *testing.T) {
	long := strings.Repeat("<script>\x1b[0m\u202e", 50<<20/16)
	r := record()
	r.Reason, r.Patch.Name, r.Checks[0].Message, r.Findings[0].Tail = long, long, long, long
	for len(r.Checks) < 1000 {
		c := r.Checks[0]
		c.Arms = map[lab.Arm]lab.CheckResult{lab.ArmPatched: {Evidence: strings.Repeat("<", 4096) + string(rune('a'+len(r.Checks)%26))}, lab.ArmRerun: {Evidence: strings.Repeat(">", 4096)}}
		c.Message = "short"
		r.Checks = append(r.Checks, c)
	}
	for i := range 5000 {
		r.Changes = append(r.Changes, lab.StateChange{Machine: string(rune('a' + i%20)), Kind: lab.StateFile, Name: "/f", Diff: strings.Repeat("+&\n", 1000)})
		r.Phases = append(r.Phases, lab.PhaseRecord{Name: "boot", Arm: lab.ArmReady, Machine: string(rune('a' + i%200)), Error: "<&>"})
		r.Egress = append(r.Egress, lab.EgressAttempt{Machine: "web", To: "<"})
		r.Gaps, r.Spared = append(r.Gaps, "<"), append(r.Spared, "<")
		r.Machines = append(r.Machines, lab.MachineRecord{Name: "<"})
		r.Networks = append(r.Networks, lab.NetworkRecord{Name: "<"})
		r.Findings = append(r.Findings, lab.Finding{Summary: "<"})
		r.Patch.Files = append(r.Patch.Files, lab.FileRecord{Name: "<"})
		r.Receipt.Problems = append(r.Receipt.Problems, "<")
	}
	page := html(t, r, "")
	t.Logf("%d KiB", len(page)>>10)
	if len(page) > 10<<20 {
		t.Errorf("the page has %d bytes", len(page))
	}
	contains(t, page, "And 700 more in the record.", "left out of this page, which has enough text already", "more phases.")
}
