package notify

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/patchlab/patchlab/lab"
)

// Sample is what the metrics tell of one lab.
type Sample struct {
	Lab, Client, Patch string
	Verdict            lab.Verdict // empty: there was no run
	Code               int
	Started            time.Time // zero: never
	Seconds            float64
	LastPass           time.Time // zero: never
}

// series are the metrics of each lab and patch, in their order. A value that
// there is none of is left out.
var series = []struct {
	name, help string
	values     func(Sample) []value
}{
	{
		"patchlab_last_pass_timestamp_seconds", "When the last run of this patch on this lab that passed was started; none when none did.",
		func(s Sample) []value { return moment(s.LastPass) },
	},
	{
		"patchlab_last_run_duration_seconds", "How long the last run took.",
		func(s Sample) []value {
			if s.Started.IsZero() {
				return nil
			}
			return []value{{number: s.Seconds}}
		},
	},
	{
		"patchlab_last_run_exit_code", "Exit code of the last run: 0 pass, 1 fail, 2 bad definition, 3 inconclusive or a fault, 4 busy.",
		func(s Sample) []value { return []value{{number: float64(s.Code)}} },
	},
	{
		"patchlab_last_run_timestamp_seconds", "When the last run of this patch on this lab was started.",
		func(s Sample) []value { return moment(s.Started) },
	},
	{
		"patchlab_last_run_verdict", "1 for the verdict of the last run, 0 for the others; 0 for all when there was no run.",
		verdicts,
	},
}

// value is one line of a metric: a number, and a label more.
type value struct {
	name, label string
	number      float64
}

func verdicts(s Sample) []value {
	var out []value
	for _, v := range []lab.Verdict{lab.Fail, lab.Inconclusive, lab.Pass} {
		n := 0.0
		if v == s.Verdict {
			n = 1
		}
		out = append(out, value{"verdict", string(v), n})
	}
	return out
}

func moment(t time.Time) []value {
	if t.IsZero() {
		return nil
	}
	return []value{{number: float64(t.UnixMilli()) / 1000}}
}

// Metrics writes the text that node_exporter's textfile collector reads
// (Prometheus text format 0.0.4): the last run of each lab and patch, the
// last night and when it was, the disk that patchlab uses in bytes. Name tells
// the nights of a host apart; it is the label night of all series, as the
// collector refuses files of which two say the same.
//
//	patchlab_disk_bytes{night}
//	patchlab_info{night,version}                                1
//	patchlab_last_night_exit_code{night}
//	patchlab_last_night_timestamp_seconds{night}
//	patchlab_last_pass_timestamp_seconds{night,lab,client,patch}
//	patchlab_last_run_duration_seconds{night,lab,client,patch}
//	patchlab_last_run_exit_code{night,lab,client,patch}
//	patchlab_last_run_timestamp_seconds{night,lab,client,patch}
//	patchlab_last_run_verdict{night,lab,client,patch,verdict}   1 or 0
//
// Of several samples of one lab and patch the newest counts: the collector
// refuses a file that says anything twice. A zero night and negative
// diskBytes mean that it is not known, and are left out.
func Metrics(w io.Writer, name string, samples []Sample, night time.Time, nightCode int, diskBytes int64, version string) error {
	var b bytes.Buffer
	single := func(metric, help string, n float64, labels ...string) {
		header(&b, metric, help)
		line(&b, metric, n, append([]string{"night", name}, labels...)...)
	}
	if diskBytes >= 0 {
		single("patchlab_disk_bytes", "Disk that patchlab uses, in bytes.", float64(diskBytes))
	}
	single("patchlab_info", "1; the label version says which patchlab wrote this.", 1, "version", version)
	if !night.IsZero() {
		single("patchlab_last_night_exit_code", "Exit code of the last night, the worst of its runs.", float64(nightCode))
		single("patchlab_last_night_timestamp_seconds", "When the last night was.", moment(night)[0].number)
	}
	samples = newest(samples)
	for _, m := range series {
		head := false
		for _, s := range samples {
			for _, v := range m.values(s) {
				if !head {
					header(&b, m.name, m.help)
					head = true
				}
				line(&b, m.name, v.number, "night", name, "lab", s.Lab, "client", s.Client, "patch", s.Patch, v.name, v.label)
			}
		}
	}
	_, err := w.Write(b.Bytes())
	if err != nil {
		return fmt.Errorf("cannot write the metrics: %w", err)
	}
	return nil
}

// newest sorts samples by lab, client and patch and keeps the newest of each.
func newest(samples []Sample) []Sample {
	out := slices.Clone(samples)
	for i := range out {
		for _, s := range []*string{&out[i].Lab, &out[i].Client, &out[i].Patch} {
			*s = strings.ToValidUTF8(*s, "\uFFFD")
		}
	}
	slices.SortStableFunc(out, func(a, b Sample) int {
		return cmp.Or(place(a, b), b.Started.Compare(a.Started))
	})
	return slices.CompactFunc(out, func(a, b Sample) bool { return place(a, b) == 0 })
}

func place(a, b Sample) int {
	return cmp.Or(strings.Compare(a.Lab, b.Lab), strings.Compare(a.Client, b.Client), strings.Compare(a.Patch, b.Patch))
}

func header(b *bytes.Buffer, name, help string) {
	fmt.Fprintf(b, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name)
}

// line writes one line. Labels are pairs of name and value; those without a
// value mean the same as those that are not there, and are left out.
func line(b *bytes.Buffer, name string, n float64, labels ...string) {
	var parts []string
	for i := 0; i+1 < len(labels); i += 2 {
		if labels[i+1] != "" {
			parts = append(parts, labels[i]+`="`+escapeLabel(labels[i+1])+`"`)
		}
	}
	b.WriteString(name)
	if len(parts) > 0 {
		b.WriteString("{" + strings.Join(parts, ",") + "}")
	}
	b.WriteString(" " + strconv.FormatFloat(n, 'f', -1, 64) + "\n")
}

// escapeLabel writes a label's value as the format wants it.
func escapeLabel(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s)
}
