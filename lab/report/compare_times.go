package report

import (
	"fmt"
	"math"

	"github.com/patchlab/patchlab/lab"
)

// durationRows compare how long the steps took in all, arm by arm. A host is
// not equally fast twice: less than a second or a fifth is no difference.
func durationRows(a, b *lab.Record) [][]string {
	was, is := durations(a), durations(b)
	var rows [][]string
	for _, name := range names(was, is) {
		from, to := was[name], is[name]
		if d := math.Abs(to - from); d >= 1 && d >= max(from, to)/5 {
			rows = append(rows, []string{name, took(from) + " → " + took(to)})
		}
	}
	return rows
}

// took is a duration; a step that was not made took none.
func took(seconds float64) string {
	if seconds == 0 {
		return "none"
	}
	return fmt.Sprintf("%.1f s", seconds)
}

func durations(r *lab.Record) map[string]float64 {
	out := map[string]float64{"whole run": r.Seconds}
	for _, p := range r.Phases {
		out[fmt.Sprintf("%s, %s", p.Arm, p.Name)] += p.Seconds
	}
	return out
}

// toolRows leave out what one of the two does not say.
func toolRows(a, b lab.ToolRecord) [][]string {
	rows := [][]string{}
	for _, v := range [][3]string{
		{"patchlab", a.Patchlab, b.Patchlab},
		{"accelerator", a.Accel, b.Accel},
		{"host", a.Host, b.Host},
		{"QEMU", a.QEMU, b.QEMU},
		{"libvirt", a.Libvirt, b.Libvirt},
		{"kernel", a.Kernel, b.Kernel},
	} {
		if v[1] != "" && v[2] != "" {
			rows = append(rows, pairs(v[:]...)...)
		}
	}
	return rows
}
