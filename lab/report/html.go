package report

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io"
	"sync"

	"github.com/patchlab/patchlab/lab"
)

//go:embed page
var pageFiles embed.FS

// pageTemplate is what all pages are made with.
var pageTemplate = sync.OnceValue(func() *template.Template {
	return template.Must(template.ParseFS(pageFiles, "page/*.html"))
})

// HTML writes the report as one page that needs nothing else: no network, no
// script, no other file. Dir is the record's folder, from which pictures of
// displays and the tails of logs are taken; one that is missing there is said.
// Texts and lists are bounded, so that the page stays readable whatever the
// machines printed: it says how many more are in the record. Nothing is
// written before the page is whole. Errors: those of w.
func HTML(w io.Writer, r *lab.Record, dir string) error {
	var b bytes.Buffer
	if err := pageTemplate().ExecuteTemplate(&b, "report.html", newPage(r, dir)); err != nil {
		return fmt.Errorf("cannot make the page of run %q: %w", lab.Printable(r.Run, 100), err)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// page is all that the template shows, in the order of the page. Its texts are
// harmless and bounded, but not yet escaped: that is html/template's part.
type page struct {
	Base, CSS template.CSS
	Top       top
	Patch     patchPart
	Topology  topology
	Findings  []findingPart
	MoreFound int
	Checks    checksPart
	Changes   changesPart
	Machines  machinesPart
	Backout   *backoutPart
	Timeline  timeline
	Egress    egressPart
	Proof     proofPart
	Versions  versionsPart
}

func newPage(record *lab.Record, dir string) page {
	r := clean(record)
	var text budget = mostText
	m := openMedia(dir)
	defer m.close()
	p := page{
		Base: Style(), CSS: template.CSS(reportCSS), //nolint:gosec // a file of this package
		Top: newTop(r), Patch: newPatchPart(r), Topology: newTopology(r),
	}
	p.Findings, p.MoreFound = newFindings(r, m, &text)
	p.Checks = newChecks(r, &text)
	p.Changes = newChanges(r, &text)
	p.Machines = newMachines(r)
	p.Backout = newBackout(r, &text)
	p.Timeline = newTimeline(r)
	p.Egress = newEgress(r)
	p.Proof = newProof(r)
	p.Versions = newVersions(r)
	return p
}
