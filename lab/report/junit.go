package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// The elements of a JUnit file, in the form that Apache Ant's junit task gave
// them and CI servers read: testdata/junit.xsd.
type (
	junitSuites struct {
		XMLName xml.Name   `xml:"testsuites"`
		Suite   junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name       string          `xml:"name,attr"`
		Package    string          `xml:"package,attr"`
		ID         int             `xml:"id,attr"`
		Timestamp  string          `xml:"timestamp,attr"` // UTC; the format has no place for a zone
		Hostname   string          `xml:"hostname,attr"`
		Tests      int             `xml:"tests,attr"`
		Failures   int             `xml:"failures,attr"`
		Errors     int             `xml:"errors,attr"`
		Skipped    int             `xml:"skipped,attr"`
		Time       string          `xml:"time,attr"`
		Properties []junitProperty `xml:"properties>property"`
		Cases      []junitCase     `xml:"testcase"`
		Out        string          `xml:"system-out"`
		Err        string          `xml:"system-err"`
	}
	junitProperty struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	junitCase struct {
		Name    string       `xml:"name,attr"`
		Class   string       `xml:"classname,attr"`
		Time    string       `xml:"time,attr"` // seconds
		Skipped *junitReason `xml:"skipped"`
		Error   *junitReason `xml:"error"`
		Failure *junitReason `xml:"failure"`
	}
	junitReason struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",chardata"`
	}
)

// How much of a text goes into a JUnit file, in bytes: the rest is in the
// record.
const (
	junitName  = 300
	junitLine  = 1000
	junitProof = 4 << 10  // one check's evidence in one arm, one finding's tail
	junitText  = 64 << 10 // the whole report as text
)

// JUnit writes the record as JUnit XML, as CI servers read it: one suite with
// a test case for the verdict, for each machine that the patch is for, and for
// each check. The suite is green for a pass alone: what the patch is to blame
// for is a failure, what leaves the verdict open an error.
// What has no effect on the verdict (checks of severity warning, machines that
// had nothing to do) is skipped, with the reason. Dots in the names of lab and
// patch are underlines in class names, which CI servers cut at dots.
func JUnit(w io.Writer, r *lab.Record) error {
	s, err := suite(r)
	if err != nil {
		return err
	}
	sw := &stickyWriter{w: w}
	fmt.Fprint(sw, xml.Header)
	e := xml.NewEncoder(sw)
	e.Indent("", "  ")
	if err := e.Encode(junitSuites{Suite: s}); err != nil {
		return fmt.Errorf("cannot write the JUnit report: %w", err)
	}
	fmt.Fprintln(sw)
	return sw.err
}

func suite(r *lab.Record) (junitSuite, error) {
	class := className(r.Lab) + "." + className(r.Patch.Name)
	cases := []junitCase{verdictCase(r)}
	cases = append(cases, machineCases(r)...)
	cases = append(cases, checkCases(r)...)
	s := junitSuite{
		Name: class, Package: class,
		Timestamp: r.Started.UTC().Format("2006-01-02T15:04:05"),
		Hostname:  orElse(lab.Printable(r.Tool.Host, junitName), "localhost"),
		Time:      decimal(r.Seconds), Tests: len(cases),
		Properties: properties(r), Err: junitFindings(r),
	}
	for i := range cases {
		c := &cases[i]
		c.Class = class
		switch {
		case c.Failure != nil:
			s.Failures++
		case c.Error != nil:
			s.Errors++
		case c.Skipped != nil:
			s.Skipped++
		}
	}
	s.Cases = cases
	var out strings.Builder
	if err := Text(&out, withoutTails(r), false); err != nil {
		return s, err
	}
	s.Out = lab.PrintableText(out.String(), junitText)
	return s, nil
}

// withoutTails is r without the tails of its findings, which have a place of
// their own.
func withoutTails(r *lab.Record) *lab.Record {
	out := *r
	out.Findings = slices.Clone(r.Findings)
	for i := range out.Findings {
		out.Findings[i].Tail = ""
	}
	return &out
}

// className is a name as one part of a class's name.
func className(s string) string {
	s = strings.TrimSpace(lab.Printable(s, junitName))
	return orElse(strings.ReplaceAll(s, ".", "_"), "unnamed")
}

// decimal writes seconds as XML wants decimals, without an exponent.
func decimal(seconds float64) string {
	if !(seconds >= 0 && seconds < 1e12) { // also what is no number
		seconds = 0
	}
	return strconv.FormatFloat(seconds, 'f', 3, 64)
}

// orElse is s, or other when s is blank.
func orElse(s, other string) string {
	if strings.TrimSpace(s) == "" {
		return other
	}
	return s
}
