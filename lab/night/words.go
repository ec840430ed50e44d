package night

import (
	"fmt"
	"time"

	"github.com/patchlab/patchlab/lab"
)

// name is the job for people: "dental (Harbour Dental): apache-security".
func (j *Job) name() string {
	if j.Client != "" {
		return j.on(printable(j.title()) + " (" + printable(j.Client) + ")")
	}
	return j.short()
}

// short is the name without the client.
func (j *Job) short() string { return j.on(printable(j.title())) }

// on is the patch on a lab; of either there may be none.
func (j *Job) on(lab string) string {
	p := j.patch()
	if lab == "" || p == "" {
		return lab + p
	}
	return lab + ": " + p
}

// title is the lab's name, or its folder where the definition is broken.
func (j *Job) title() string {
	if j.Lab != "" {
		return j.Lab
	}
	return j.LabDir
}

func (j *Job) patch() string {
	if j.Patch != "" {
		return printable(j.Patch)
	}
	return printable(j.Arg)
}

func verb(v lab.Verdict) string {
	switch v {
	case lab.Pass:
		return "passed"
	case lab.Fail:
		return "failed"
	}
	return "was inconclusive"
}

func printable(s string) string { return lab.Printable(s, maxReason) }

func path(s string) string { return lab.Printable(s, 4096) }

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// span is a duration for people.
func span(d time.Duration) string {
	switch m := int(d.Round(time.Minute).Minutes()); {
	case d < 100*time.Second:
		return fmt.Sprintf("%d s", int(d.Round(time.Second).Seconds()))
	case m < 90:
		return fmt.Sprintf("%d min", m)
	default:
		return fmt.Sprintf("%d h %d min", m/60, m%60)
	}
}

// clock is t for people: the time of day, with the day unless it is less than
// a day away from at.
func clock(t, at time.Time) string {
	if d := t.Sub(at); d > -24*time.Hour && d < 24*time.Hour {
		return t.Format("15:04")
	}
	return t.Format("2006-01-02 15:04")
}
