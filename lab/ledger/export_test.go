package ledger

import (
	"bytes"
	"encoding/csv"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/patchlab/patchlab/lab"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func rolled(kind lab.PatchKind, name string, files ...lab.FileRecord) Entry {
	for i := range files {
		if files[i].SHA256 == "" {
			files[i].SHA256 = sumText(files[i].Name)
		}
		files[i].Size = int64(1000 + i)
	}
	e := ran(2, lab.Pass, "x")
	e.Patch = &lab.PatchRecord{Name: name, Kind: kind, SHA256: sumText(name), Files: files}
	return e
}

func deb(name, version, arch string) lab.FileRecord {
	return lab.FileRecord{Name: name + "_" + arch + ".deb", Package: name, Version: version, Arch: arch}
}

// byJane makes an approval of e.
func byJane(e Entry, until time.Time) Entry {
	e.Kind, e.Run, e.Decision = Approve, nil, &Decision{By: "jane", Reason: "looked at it", Until: until}
	return e
}

// exportedSets are what is exported, by the golden files' names.
func exportedSets() map[string][]Entry {
	const evil = "\x1b[31m'; Remove-Item C:\\ -Recurse; '\u2019\u0412\n=cmd|'/c calc'!A1\n{{ lookup('pipe','id') }}\u202e</script>\xff\"$(id)`id`"
	old := deb("openssl", "3.0.10-1", "amd64")
	old.Name, old.Beside = "openssl_old.deb", true
	hostile := rolled("script", evil, lab.FileRecord{Name: evil, SHA256: evil, Package: evil, Version: evil, Arch: evil},
		lab.FileRecord{Name: "+cmd.deb", Package: "a", Version: "*", Arch: "all"},
		lab.FileRecord{Name: "-x.deb", Package: "ok", Version: "1 *\nPackage: *", Arch: "all"},
		lab.FileRecord{Name: "@x.deb", Package: "*", Version: "1", Arch: "all"},
		lab.FileRecord{Name: evil + " kb1234567.msu"})
	hostile.Run.ID = evil
	return map[string][]Entry{
		"empty": nil,
		"mixed": {
			rolled(lab.PatchDeb, "openssl", deb("openssl", "3.0.17-1~deb12u2", "amd64"), deb("libssl3", "3.0.17-1~deb12u2", "amd64"),
				deb("libssl3", "3.0.17-1~deb12u2", "i386"), old),
			byJane(rolled(lab.PatchApt, "docs", deb("openssl-doc", "1:2.0+b1", "all")), ago(-240)),
			byJane(rolled(lab.PatchDeb, "docs again", deb("openssl-doc", "1:2.1", "all")), time.Time{}),
			rolled(lab.PatchScript, "clean up", lab.FileRecord{Name: "clean.sh"}, lab.FileRecord{Name: "data.csv"}),
			rolled(lab.PatchRPM, "kernel", lab.FileRecord{Name: "kernel-5.14.rpm", Package: "kernel", Version: "5.14.0-1.el9", Arch: "x86_64"}),
			rolled(lab.PatchMSU, "november", lab.FileRecord{Name: "windows10.0-kb5031356-x64_0a.msu"}, lab.FileRecord{Name: "ssu.msu"}),
			rolled(lab.PatchCAB, "KB4567890 for the front desk", lab.FileRecord{Name: "update.cab"}),
			rolled(lab.PatchBatch, "batch kb7654321", lab.FileRecord{Name: "fix.sh"}, deb("sudo", "1.9.13p3-1", "amd64")),
		},
		"hostile": {hostile, byJane(hostile, time.Time{})},
	}
}

func exported(t *testing.T, format string, entries []Entry, labName string) string {
	t.Helper()
	return exportedSet(t, format, approvedSet{lab: labName, entries: entries})
}

func exportedSet(t *testing.T, format string, s approvedSet) string {
	t.Helper()
	var out bytes.Buffer
	s.host, s.at = "nest", noon
	if err := s.export(&out, format); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestExportGolden(t *testing.T) {
	for set, entries := range exportedSets() {
		for format, suffix := range map[string]string{ExportApt: "pref", ExportAnsible: "yml", ExportWSUS: "ps1", ExportCSV: "csv"} {
			name := filepath.Join("testdata", "export", set+"."+suffix)
			got := exported(t, format, entries, "dental")
			if *update {
				if err := os.WriteFile(name, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
				continue
			}
			want, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("%s:\n%s", name, diff)
			}
		}
	}
}

// TestExportOfReleasedAgain has versions and numbers under which other bytes
// failed or were rejected.
func TestExportOfReleasedAgain(t *testing.T) {
	again := func(e Entry, v lab.Verdict) Entry {
		return but(e, func(e *Entry) {
			p := *e.Patch
			p.Files = []lab.FileRecord{p.Files[0]}
			p.Files[0].Name, p.Files[0].SHA256 = "again-"+p.Files[0].Name, sumText("again")
			run := *e.Run
			run.Verdict, run.ID = v, "run-again"
			e.Patch, e.Run = &p, &run
		})
	}
	ssl := rolled(lab.PatchDeb, "ssl", deb("ssl", "2", "amd64"), deb("ssl-doc", "2", "all"))
	kb := rolled(lab.PatchMSU, "november", lab.FileRecord{Name: "windows10.0-kb5031356-x64.msu"})
	named := rolled(lab.PatchCAB, "KB4567890 for all", lab.FileRecord{Name: "update.cab"})
	for _, c := range []struct {
		format, pin string
		e           Entry
	}{{ExportApt, "Package: ssl:amd64\n", ssl}, {ExportWSUS, "KB = '5031356'", kb}, {ExportWSUS, "KB = '4567890'", named}} {
		for _, against := range []Entry{{}, again(c.e, lab.Fail), byJane(again(c.e, lab.Fail), time.Time{})} {
			s := approvedSet{lab: "dental", entries: []Entry{c.e}}
			if against.Patch != nil {
				if against.Run == nil {
					against.Kind = Reject
				}
				s.against = []Entry{against}
			}
			got := exportedSet(t, c.format, s)
			if strings.Contains(got, c.pin) != (against.Patch == nil) {
				t.Errorf("%s, against it %s:\n%s", c.pin, against.Kind, got)
			}
			if told := "it was released with other bytes too (" + sumText("again"); strings.Contains(got, told) != (against.Patch != nil) {
				t.Errorf("%s, against it %s: it is not told:\n%s", c.pin, against.Kind, got)
			}
			if c.format == ExportApt && !strings.Contains(got, "Package: ssl-doc\n") {
				t.Errorf("what was released once is left out:\n%s", got)
			}
		}
		same := again(c.e, lab.Fail)
		same.Patch.Files[0].SHA256 = c.e.Patch.Files[0].SHA256 // the gate has judged these bytes
		if got := exportedSet(t, c.format, approvedSet{lab: "dental", entries: []Entry{c.e}, against: []Entry{same}}); !strings.Contains(got, c.pin) {
			t.Errorf("%s: the same bytes stand against themselves", c.pin)
		}
	}
}

// TestExportOfReplacedFiles has what was tested as files that replace others.
func TestExportOfReplacedFiles(t *testing.T) {
	entries := []Entry{
		rolled(lab.PatchFile, "x", deb("ssl", "2", "amd64")), rolled(lab.PatchFile, "y", lab.FileRecord{Name: "kb5031356.msu"}),
	}
	if got := exported(t, ExportApt, entries, "dental"); strings.Contains(got, "Package:") || !strings.Contains(got, "#   patch \"x\" (file)") {
		t.Error(got)
	}
	if got := exported(t, ExportWSUS, entries, "dental"); strings.Contains(got, "@{ KB") || !strings.Contains(got, "#   patch \"y\" (file)") {
		t.Error(got)
	}
}

// TestExportIsTold has every file of the set somewhere in every format, but
// for the headings of CSV, and those beside nowhere.
func TestExportIsTold(t *testing.T) {
	entries := exportedSets()["mixed"]
	for _, format := range []string{ExportApt, ExportAnsible, ExportWSUS, ExportCSV} {
		got := exported(t, format, entries, "dental")
		for _, e := range entries {
			for _, f := range e.Patch.Files {
				if strings.Contains(got, f.SHA256) == f.Beside {
					t.Errorf("%s: %s: beside %v, told %v", format, f.Name, f.Beside, !f.Beside)
				}
			}
		}
	}
}

func TestExportAnsibleIsRead(t *testing.T) {
	for set, entries := range exportedSets() {
		text := exported(t, ExportAnsible, entries, "1:30")
		var vars struct {
			Lab      any `yaml:"patchlab_lab"`
			Approved []struct {
				Name  yaml.Node
				Files []struct{ Name, SHA256, Version yaml.Node }
			} `yaml:"patchlab_approved"`
		}
		if err := yaml.Unmarshal([]byte(text), &vars); err != nil {
			t.Fatalf("%s: %v", set, err)
		}
		if vars.Lab != "1:30" || len(vars.Approved) != len(entries) {
			t.Errorf("%s: lab %v, %d patches", set, vars.Lab, len(vars.Approved))
		}
		for i, p := range vars.Approved {
			for _, node := range []yaml.Node{p.Name, p.Files[0].Name} {
				if node.Style&yaml.DoubleQuotedStyle == 0 || strings.Contains(node.Value, "{{") != (node.Tag == "!unsafe") {
					t.Errorf("%s, patch %d: %+v", set, i, node)
				}
			}
		}
	}
}

func TestExportCSVIsRead(t *testing.T) {
	for set, entries := range exportedSets() {
		text := exported(t, ExportCSV, entries, "dental")
		rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
		if err != nil {
			t.Fatalf("%s: %v", set, err)
		}
		if strings.Count(text, "\r\n") != len(rows) {
			t.Errorf("%s: a cell has lines", set)
		}
		for _, row := range rows {
			for _, c := range row {
				if c != "" && strings.ContainsAny(c[:1], "=+-@\t\r\n") {
					t.Errorf("%s: cell %q is a formula", set, c)
				}
			}
		}
	}
	for in, want := range map[string]string{
		"": "", "a": "a", "=1": "'=1", "+1": "'+1", "-1": "'-1", "@a": "'@a", "\t=1": `'\t=1`, "\rx": `'\rx`, "  =1": "'  =1",
		"\uff1d1": "'\uff1d1", "1-1": "1-1", "a,\"b\"": "a,\"b\"",
	} {
		if got := cell(in); got != want {
			t.Errorf("cell(%q) = %q, want %q", in, got, want)
		}
	}
}

// TestExportWSUSQuotes looks at the script as PowerShell takes it apart: in
// any code page, nothing but the literals comes from the records.
func TestExportWSUSQuotes(t *testing.T) {
	for set, entries := range exportedSets() {
		text := exported(t, ExportWSUS, entries, "dental\u2019'; calc '")
		for _, r := range text {
			if r >= 0x80 || r < ' ' && r != '\n' {
				t.Fatalf("%s: %q is in the script", set, r)
			}
		}
		list := between(t, text, "$Approved = @(\n", "\n)\n")
		for line := range strings.Lines(list) {
			if rest := withoutLiterals(strings.TrimSpace(line)); rest != "" && rest != "@{ KB = ''; Patch = ''; File = ''; SHA256 = ''; Basis = '' }" {
				t.Errorf("%s: %q", set, rest)
			}
		}
	}
}

// withoutLiterals empties the literals in a line of PowerShell.
func withoutLiterals(line string) string {
	var b strings.Builder
	inside := false
	for i := 0; i < len(line); i++ {
		switch {
		case line[i] != '\'':
			if !inside {
				b.WriteByte(line[i])
			}
		case inside && i+1 < len(line) && line[i+1] == '\'':
			i++
		default:
			inside = !inside
			b.WriteByte('\'')
		}
	}
	return b.String()
}

func between(t *testing.T, text, begin, end string) string {
	t.Helper()
	_, rest, ok := strings.Cut(text, begin)
	if !ok {
		t.Fatalf("no %q in %s", begin, text)
	}
	got, _, ok := strings.Cut("\n"+rest, end)
	if !ok {
		t.Fatalf("no %q in %s", end, text)
	}
	return got
}

func TestNumberIn(t *testing.T) {
	for name, want := range map[string]string{
		"windows10.0-kb5031356-x64_ab12.msu": "5031356", "KB123456.msu": "123456", "kb_5031356.cab": "5031356", "a/kb5031356/x.msu": "",
		"KB12345.msu": "", "KB12345678.msu": "", "xkb5031356.msu": "", "KB 5031356": "5031356", "": "", "for KB5031356 (web)": "5031356",
	} {
		if got := numberIn(name); got != want {
			t.Errorf("numberIn(%q) = %q, want %q", name, got, want)
		}
	}
}

type fullDisk struct{}

var errFull = errors.New("no space left on device")

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

func TestExportErrors(t *testing.T) {
	for _, format := range []string{ExportApt, ExportAnsible, ExportWSUS, ExportCSV} {
		if err := Export(fullDisk{}, format, "dental", Set{}); !errors.Is(err, errFull) {
			t.Errorf("%s: %v", format, err)
		}
		if err := Export(&bytes.Buffer{}, format, "dental", Set{Approved: []Entry{{Kind: Run}, {Kind: Approve, Patch: patchOf("a")}}}); err != nil {
			t.Errorf("%s: an entry that says little: %v", format, err)
		}
	}
	err := Export(&bytes.Buffer{}, "xlsx", "dental", Set{})
	if _, ok := errors.AsType[*lab.UsageError](err); !ok {
		t.Errorf("got %v", err)
	}
}
