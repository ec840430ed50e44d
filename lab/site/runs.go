package site

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/ledger"
)

// runBody is what a run's page shows that is made of the ledger alone.
type runBody struct {
	Run     *run
	Why     string // there is no report
	Targets []string
	Backout string
	Sums    string
	Tool    *lab.ToolRecord
}

// runItems are the pages of runs. A run's problem is written to its place
// when the page is made.
func (r *renderer) runItems(h *history, o Options, problems []string) []item {
	items := make([]item, len(h.runs))
	var g errgroup.Group
	g.SetLimit(8) // looking for folders waits for the disk
	for i, one := range h.runs {
		g.Go(func() error {
			dir := ""
			if o.RunDir != nil && o.Report != nil {
				dir = o.RunDir(*one.entry)
			}
			p := runPage{renderer: r, run: one, dir: dir, report: o.Report, problem: &problems[i]}
			items[i] = item{path: one.Page, input: p.input(), render: p.render, doubtful: &p.doubtful}
			return nil
		})
	}
	_ = g.Wait() // none of them fails
	return items
}

// runPage makes the page of one run.
type runPage struct {
	*renderer
	run      *run
	dir      string // of its record; "" when it is not kept
	report   func(dir string, rec *lab.Record) ([]byte, error)
	problem  *string
	doubtful bool
}

// input is a hash of what the page is made of. The entry has the hash of the
// record's files.
func (p *runPage) input() string {
	text, err := json.Marshal(p.run.entry)
	if err != nil {
		return "" // a time past the year 9999: then it is made each time
	}
	sum := sha256.New()
	fmt.Fprintf(sum, "%s %q %v %q\n%s", p.version, p.dir, p.run.Pruned.UTC(), p.run.Patch.Page, text)
	return hex.EncodeToString(sum.Sum(nil))
}

func (p *runPage) render() ([]byte, error) {
	why := ""
	switch {
	case p.dir != "":
		text, err := p.reported()
		if err == nil {
			return text, nil
		}
		p.doubtful = true
		why = "The record is kept, but cannot be shown: " + sentence(err.Error())
		*p.problem = fmt.Sprintf("run %s of lab %q: %s", p.run.ID, p.run.Lab.Name, sentence(err.Error()))
	case p.run.Pruned.IsZero():
		why = "The record is not kept here."
	default:
		why = "The record was kept until " + p.run.Pruned.Format("2006-01-02") + ", and then removed as the retention wants it."
	}
	return p.renderer.render(view{
		path: p.run.Page, template: "run", title: "Run " + p.run.ID + " of lab " + p.run.Lab.Name, body: p.body(why),
	})
}

// reported is the report of the record.
func (p *runPage) reported() ([]byte, error) {
	rec, err := ledger.ReadRecord(p.dir)
	if err != nil {
		return nil, err
	}
	return p.report(p.dir, rec)
}

func (p *runPage) body(why string) runBody {
	e := p.run.entry.Run
	b := runBody{Run: p.run, Why: why, Backout: word(string(e.Backout)), Sums: word(e.Sums)}
	for _, t := range e.Targets {
		b.Targets = append(b.Targets, word(t))
	}
	if t := e.Tool; t != nil {
		b.Tool = &lab.ToolRecord{
			Patchlab: word(t.Patchlab), Accel: word(t.Accel), Host: word(t.Host),
			QEMU: word(t.QEMU), Libvirt: word(t.Libvirt), Kernel: word(t.Kernel),
		}
	}
	return b
}
