// Package notify tells people and monitoring what came of runs: by the
// services that shoutrrr knows, by mail through sendmail(8), by a webhook, and
// by a text file for Prometheus' node_exporter. It sends nothing that is
// secret, and says what it could not send.
package notify

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/patchlab/patchlab/lab"
)

// When says which results are told.
type When string

// Occasions.
const (
	OnFail   When = "fail"   // anything but a pass
	OnChange When = "change" // another result than the time before, and anything new that is no pass
	Always   When = "always"
)

// Target is somewhere to send to: a line "WHEN URL" of the configuration.
type Target struct {
	When When
	URL  string // secret: never shown whole, see Name
}

// Name is the target without what is secret: scheme and host at most.
func (t Target) Name() string { return "" }

// Load reads the configuration: a line for each target, "WHEN URL"; empty
// lines and those that begin with # are skipped. A missing file is none at
// all. Others than its owner must not be able to read it. Errors are
// *lab.UsageError with file and line, all of them at once, and never show a
// URL.
//
// URLs: shoutrrr's (slack://…, ntfy://…, smtp://…, …), mailto:ADDR[,ADDR…]
// (through sendmail), webhook+http(s)://… (the Message as JSON by POST).
func Load(path string) ([]Target, error) { return nil, errTodo }

// Result is what came of one run, or of one that could not be made.
type Result struct {
	Lab     string      `json:"lab"`
	Client  string      `json:"client,omitempty"`
	Patch   string      `json:"patch,omitempty"`
	Verdict lab.Verdict `json:"verdict,omitempty"` // empty: there was no run
	Code    int         `json:"code"`              // exit code of the command
	Reason  string      `json:"reason"`            // one sentence; untrusted
	Run     string      `json:"run,omitempty"`
	Dir     string      `json:"dir,omitempty"`
	Before  lab.Verdict `json:"before,omitempty"` // of the run before of this patch's name on this lab; empty: none
	Seconds float64     `json:"seconds"`
	Skipped string      `json:"skipped,omitempty"` // why it was not made, without fault
}

// Message is what is sent.
type Message struct {
	Version int       `json:"version"` // 1
	Host    string    `json:"host"`
	Time    time.Time `json:"time"`
	Code    int       `json:"code"`    // the worst
	Subject string    `json:"subject"` // one printable line
	Text    string    `json:"text"`    // printable lines
	Results []Result  `json:"results"`
}

// Notifier sends messages.
type Notifier struct {
	Targets  []Target
	Redact   func(string) string // takes the labs' secrets out; nil: there are none
	Sendmail []string            // command; nil: sendmail -i -t, looked for in PATH and /usr/sbin
	Timeout  time.Duration       // for one target; 30 s when 0
}

// Send sends m to each target whose occasion it is, at the same time, each
// tried up to three times. The error joins one for each target that failed,
// by its Name and without secrets; the others have got it.
func (n *Notifier) Send(ctx context.Context, m Message) error { return errTodo }

// Sample is what the metrics tell of one lab.
type Sample struct {
	Lab, Client, Patch string
	Verdict            lab.Verdict
	Code               int
	Started            time.Time
	Seconds            float64
	LastPass           time.Time // zero: never
}

// Metrics writes the text that node_exporter's textfile collector reads
// (Prometheus text format 0.0.4): the last run of each lab and patch, the
// last night, the disk that patchlab uses in bytes.
func Metrics(w io.Writer, samples []Sample, night time.Time, nightCode int, diskBytes int64, version string) error {
	return errTodo
}

var errTodo = errors.New("not built")
