package report_test

import (
	"bytes"
	"encoding/xml"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/report"
)

// junitDoc is a JUnit file as a CI server reads it.
type junitDoc struct {
	Suites []struct {
		Name     string `xml:"name,attr"`
		Time     string `xml:"timestamp,attr"`
		Host     string `xml:"hostname,attr"`
		Tests    int    `xml:"tests,attr"`
		Failures int    `xml:"failures,attr"`
		Errors   int    `xml:"errors,attr"`
		Skipped  int    `xml:"skipped,attr"`
		Props    []struct {
			Name  string `xml:"name,attr"`
			Value string `xml:"value,attr"`
		} `xml:"properties>property"`
		Cases []struct {
			Name    string    `xml:"name,attr"`
			Class   string    `xml:"classname,attr"`
			Failure *struct{} `xml:"failure"`
			Error   *struct{} `xml:"error"`
			Skipped *struct{} `xml:"skipped"`
		} `xml:"testcase"`
		Out string `xml:"system-out"`
		Err string `xml:"system-err"`
	} `xml:"testsuite"`
}

func junit(t *testing.T, r *lab.Record) (string, junitDoc) {
	t.Helper()
	var b bytes.Buffer
	if err := report.JUnit(&b, r); err != nil {
		t.Fatal(err)
	}
	var doc junitDoc
	if err := xml.Unmarshal(b.Bytes(), &doc); err != nil {
		t.Fatalf("%v in:\n%.2000s", err, &b)
	}
	return b.String(), doc
}

// xmllint validates a text against the schema.
func xmllint(t *testing.T, text string) error {
	t.Helper()
	path, err := exec.LookPath("xmllint")
	if err != nil {
		t.Fatal("there is no xmllint; .ci/setup installs it")
	}
	file := filepath.Join(t.TempDir(), "junit.xml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(path, "--nonet", "--huge", "--noout", "--schema", "testdata/junit.xsd", file).CombinedOutput()
	if err != nil {
		t.Logf("%.2000s", out)
	}
	return err
}

// bare is a record that says next to nothing.
func bare() *lab.Record { return &lab.Record{} }

func TestJUnitIsValid(t *testing.T) {
	text := strings.Repeat(hostile+"]]>&lt;\"'\u2028\ufffe", 50)
	for name, r := range map[string]*lab.Record{
		"pass": soundRecord(), "fail": wholeRecord(), "inconclusive": doubtful(), "early": beginning(), "broken": record(), "bare": bare(),
		"hostile": spoiled(text, 30, true), "blank": spoiled("\n \t", 2, true), "no UTF-8": spoiled("\xff\xfe\x00\x08", 2, true),
	} {
		t.Run(name, func(t *testing.T) {
			out, doc := junit(t, r)
			if err := xmllint(t, out); err != nil {
				t.Errorf("not valid: %v\n%.4000s", err, out)
			}
			if len(doc.Suites) != 1 {
				t.Fatalf("%d suites", len(doc.Suites))
			}
			s := doc.Suites[0]
			var failures, errs, skipped int
			for _, c := range s.Cases {
				switch {
				case c.Failure != nil:
					failures++
				case c.Error != nil:
					errs++
				case c.Skipped != nil:
					skipped++
				}
			}
			if s.Tests != len(s.Cases) || s.Failures != failures || s.Errors != errs || s.Skipped != skipped {
				t.Errorf("the suite counts %d, %d, %d, %d; it has %d, %d, %d, %d",
					s.Tests, s.Failures, s.Errors, s.Skipped, len(s.Cases), failures, errs, skipped)
			}
			if red := failures+errs > 0; red != (r.Verdict != lab.Pass) {
				t.Errorf("verdict %s, and red is %t", r.Verdict, red)
			}
		})
	}
}

func TestXMLLintRefuses(t *testing.T) {
	out, _ := junit(t, wholeRecord())
	for _, change := range [][2]string{
		{` hostname="spare"`, ``},
		{`timestamp="2026-11-23T12:15:00"`, `timestamp="2026-11-23T12:15:00Z"`},
		{`time="64.960"`, `time="6.5e1"`},
		{`<system-out>`, `<system-err></system-err><system-out>`},
		{`type="regression"`, ``},
	} {
		bad := strings.Replace(out, change[0], change[1], 1)
		if bad == out {
			t.Errorf("no %s in\n%s", change[0], out)
		}
		if xmllint(t, bad) == nil {
			t.Errorf("valid with %q instead of %q", change[1], change[0])
		}
	}
}

func TestJUnitGolden(t *testing.T) {
	out, doc := junit(t, wholeRecord())
	golden(t, "whole.junit.xml", out)
	for _, p := range doc.Suites[0].Props {
		if p.Name == "patch.sha256" && p.Value == wholeRecord().Patch.SHA256 {
			return
		}
	}
	t.Error("the patch's hash is no property")
}

// However much a machine printed, the file stays small.
func TestJUnitIsBounded(t *testing.T) {
	r := wholeRecord()
	huge := strings.Repeat("\x1b[31mA<`|\n", 5<<20)
	r.Findings[0].Tail, r.Reason, r.Checks[0].Message = huge, huge[:1<<16], huge[:1<<16]
	r.Checks[0].Arms[lab.ArmPatched] = lab.CheckResult{Message: huge, Evidence: huge}
	out, _ := junit(t, r)
	if len(out) > 256<<10 {
		t.Errorf("%d bytes", len(out))
	}
}

func TestJUnitReportsWriteErrors(t *testing.T) {
	if report.JUnit(fullDisk{}, record()) == nil {
		t.Error("a report that could not be written is no success")
	}
}

// golden compares text with a file of testdata.
func golden(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if text != string(want) {
		t.Errorf("%s: got:\n%s\nwant:\n%s", name, text, want)
	}
}
