package site_test

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/ledger"
)

// TestPages looks at every page of a site with hostile names: it is well
// formed, every link leads to a page of the site, and nothing is loaded from
// elsewhere.
func TestPages(t *testing.T) {
	out := t.TempDir()
	o := options(t)
	o.Title = "Jane's " + hostile
	w := write(t, out, o)
	all := files(t, out)
	if len(w.Problems) > 0 || w.Runs != 38 || w.Pages != len(all)-2 || w.Fresh != w.Pages {
		t.Errorf("wrote %+v, %d files", w, len(all))
	}
	for name, text := range all {
		if !regexp.MustCompile(`^[a-z0-9._/-]{1,150}$`).MatchString(name) {
			t.Errorf("odd name of a file: %q", name)
		}
		if path.Ext(name) == ".html" {
			page(t, all, name, text)
		}
	}
}

// page looks at one page.
func page(t *testing.T, all map[string]string, name, text string) {
	t.Helper()
	for _, bad := range []string{"\x1b", "\x00", "\xff", "\u202e", "<script>", "<img", "ZgotmplZ", " style=", "javascript:", "http://", "https://"} {
		if strings.Contains(text, bad) && (bad != " style=") {
			t.Errorf("%s: contains %q", name, bad)
		}
	}
	ids := map[string]bool{}
	var links []string
	d := xml.NewDecoder(strings.NewReader(text))
	d.Entity = xml.HTMLEntity
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Errorf("%s is not well formed: %v", name, err)
			return
		}
		start, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		for _, a := range start.Attr {
			switch a.Name.Local {
			case "href", "src", "action":
				links = append(links, a.Value)
			case "id":
				if ids[a.Value] {
					t.Errorf("%s: id %q is there twice", name, a.Value)
				}
				ids[a.Value] = true
			case "onclick", "onerror", "onload":
				t.Errorf("%s: a handler: %v", name, start)
			}
		}
	}
	for _, link := range links {
		follow(t, all, ids, name, link)
	}
}

// follow looks whether a link leads somewhere.
func follow(t *testing.T, all map[string]string, ids map[string]bool, name, link string) {
	t.Helper()
	if link == "data:," {
		return
	}
	u, err := url.Parse(link)
	if err != nil || u.Scheme != "" || u.Host != "" || strings.HasPrefix(link, "/") {
		t.Errorf("%s: leads out of the site: %q (%v)", name, link, err)
		return
	}
	if u.Path == "" {
		if !ids[u.Fragment] {
			t.Errorf("%s: no place %q", name, link)
		}
		return
	}
	if _, there := all[path.Join(path.Dir(name), u.Path)]; !there {
		t.Errorf("%s: leads nowhere: %q", name, link)
	}
}

// TestSearchData looks whether what the search gets is data and nothing else.
func TestSearchData(t *testing.T) {
	out := t.TempDir()
	write(t, out, options(t))
	all := files(t, out)
	text := all["search-data.js"]
	if strings.ContainsAny(text, "<>&\u2028\u202e\x1b") {
		t.Error("the data has what a page could take for its own")
	}
	var data struct {
		Labs, Clients, Patches []struct{ Name, Page string }
		Runs                   [][]any
	}
	text = strings.TrimSuffix(strings.TrimPrefix(text, "const patchlabIndex = "), ";\n")
	if err := json.Unmarshal([]byte(text), &data); err != nil {
		t.Fatal(err)
	}
	if len(data.Runs) != 38 || len(data.Labs) != 12 || len(data.Patches) != 5 {
		t.Errorf("%d runs, %d labs, %d patches", len(data.Runs), len(data.Labs), len(data.Patches))
	}
	for _, list := range [][]struct{ Name, Page string }{data.Labs, data.Clients, data.Patches} {
		for _, e := range list {
			if _, there := all[e.Page]; !there {
				t.Errorf("%q has no page %q", e.Name, e.Page)
			}
		}
	}
	for _, r := range data.Runs {
		if _, there := all[r[7].(string)]; !there {
			t.Errorf("a run has no page %q", r[7])
		}
	}
}

// TestRereleased looks whether the same name with other bytes is said, on the
// patches' pages and in the list; and not where only the version is another.
func TestRereleased(t *testing.T) {
	one, two := patchOf("app", "app_1.0_all.deb", "one"), patchOf("app", "app_1.0_all.deb", "two")
	next := patchOf("app", "app_1.1_all.deb", "three")
	next.Files[0].Version = "1.1"
	elsewhere := patchOf("other name", "renamed.deb", "four")
	elsewhere.Files[0].Package, elsewhere.Files[0].Version = "app", "1.1"
	script, same := patchOf("fix", "fix.sh", "five"), patchOf("fix of another client", "fix.sh", "six")
	script.Files[0].Package, same.Files[0].Package = "", ""
	o := options(t)
	o.Entries = nil
	for i, p := range []*lab.PatchRecord{elsewhere, next, two, one, script, same} {
		o.Entries = append(o.Entries, runOf("c", "l", p, lab.Pass, time24(i), "ok"))
	}
	out := t.TempDir()
	write(t, out, o)
	all := files(t, out)
	for p, want := range map[*lab.PatchRecord]string{one: "later", two: "before", next: "later", elsewhere: "before", script: "", same: ""} {
		text := all["patch/"+p.SHA256[:12]+".html"]
		if got := strings.Contains(text, "Re-released"); got != (want != "") {
			t.Errorf("patch %s %s: re-released is %t", p.Name, p.Files[0].Name, got)
		}
		if want != "" && !strings.Contains(text, want+" <span class=\"hash\">") {
			t.Errorf("patch %s %s: does not say %q", p.Name, p.Files[0].Name, want)
		}
	}
	if text := all["patch/"+one.SHA256[:12]+".html"]; !strings.Contains(text, one.Files[0].SHA256) || !strings.Contains(text, two.Files[0].SHA256) {
		t.Error("the page does not show both hashes")
	}
	if n := strings.Count(all["patches.html"], `<span class="badge fail">same name, other bytes</span>`); n != 2 {
		t.Errorf("the list marks %d names", n)
	}
}

// TestRunsWithoutRecord looks at the page of a run whose record went.
func TestRunsWithoutRecord(t *testing.T) {
	o := options(t)
	o.Entries = []ledger.Entry{
		runOf("c", "dental", patchOf("p", "f.deb", "1"), lab.Fail, time24(9), "it broke"),
		runOf("c", "dental", patchOf("p", "f.deb", "1"), lab.Pass, time24(8), "fine"),
	}
	slices.Reverse(o.Entries)
	o.Entries = append(o.Entries, ledger.Entry{Kind: ledger.Prune, Time: now, Lab: "dental", Pruned: []string{o.Entries[1].Run.ID}})
	out := t.TempDir()
	write(t, out, o)
	all := files(t, out)
	gone, never := all["run/dental/"+o.Entries[1].Run.ID+".html"], all["run/dental/"+o.Entries[0].Run.ID+".html"]
	if !strings.Contains(gone, "kept until 2026-11-23") || !strings.Contains(gone, "it broke") || !strings.Contains(gone, o.Entries[1].Run.Sums) {
		t.Errorf("got:\n%s", gone)
	}
	if !strings.Contains(never, "is not kept here") {
		t.Errorf("got:\n%s", never)
	}
}

// TestOddEntries writes a site of entries that lack what they should have.
func TestOddEntries(t *testing.T) {
	o := options(t)
	o.Report, o.RunDir = nil, nil
	bad := patchOf("p", "f", "x")
	bad.SHA256 = "../../../evil"
	twice := runOf("c", "l", bad, lab.Pass, time24(2), "a")
	other := twice
	other.Run = &ledger.RunEntry{ID: twice.Run.ID, Started: twice.Run.Started, Verdict: lab.Fail, Sums: "other"}
	o.Entries = []ledger.Entry{
		{Kind: ledger.Run, Run: &ledger.RunEntry{}},
		twice, other,
		{Kind: ledger.Run},
		{Kind: ledger.Approve},
		{Kind: ledger.Approve, Decision: &ledger.Decision{}},
		{Kind: ledger.Begin},
		{Kind: "unheard-of"},
	}
	out := t.TempDir()
	if w := write(t, out, o); w.Runs != 3 {
		t.Errorf("wrote %+v", w)
	}
	all := files(t, out)
	for name, text := range all {
		if path.Ext(name) == ".html" {
			page(t, all, name, text)
		}
	}
}

// TestEmpty writes a site of nothing.
func TestEmpty(t *testing.T) {
	o := options(t)
	o.Entries = nil
	out := t.TempDir()
	write(t, out, o)
	all := files(t, out)
	for name, text := range all {
		if path.Ext(name) == ".html" {
			page(t, all, name, text)
		}
	}
	if !strings.Contains(all["index.html"], "There are no runs yet") {
		t.Error("the overview does not say that there are no runs")
	}
}
