// Package notify tells people and monitoring what came of runs: by the
// services that shoutrrr knows, by mail through sendmail(8), by a webhook, and
// by a text file for Prometheus' node_exporter. It sends nothing that is
// secret, and says what it could not send.
//
// A target's URL holds tokens and passwords. It is never in an error, nor in
// what an error wraps: what services and libraries say of a failure is
// replaced by a cause of a fixed list (see cause.go).
package notify

import (
	"time"

	"github.com/patchlab/patchlab/lab"
)

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

// MessageVersion is the version of the message's format.
const MessageVersion = 1

// Message is what is sent. As JSON it is what message.schema.json describes;
// fields are only ever added.
type Message struct {
	Version int       `json:"version"` // MessageVersion
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
	Timeout  time.Duration       // for one target, all tries together; 30 s when 0
}
