package night

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/patchlab/patchlab/lab"
)

// summaryVersion is the version of the summary's JSON. Fields are only ever
// added.
const summaryVersion = 1

// flatOutcome is an outcome as JSON: one object, without objects in it.
type flatOutcome struct {
	LabDir     string      `json:"lab_dir"`
	Lab        string      `json:"lab"` // empty when the definition is broken
	Client     string      `json:"client"`
	Arg        string      `json:"arg"` // the patch as `patchlab test` takes it
	Patch      string      `json:"patch"`
	SHA256     string      `json:"sha256"`     // of the patch
	Definition string      `json:"definition"` // SHA-256
	Result     string      `json:"result"`     // passed, failed, inconclusive, "no verdict", broken, busy, "not started", interrupted or skipped
	Code       int         `json:"code"`
	Verdict    lab.Verdict `json:"verdict"` // empty: there was no run
	Reason     string      `json:"reason"`  // untrusted
	Run        string      `json:"run"`
	Dir        string      `json:"dir"`    // of the run record
	Before     lab.Verdict `json:"before"` // the time before; empty: there was none
	Started    time.Time   `json:"started,omitzero"`
	Seconds    float64     `json:"seconds"`
	Skipped    string      `json:"skipped"` // why it was not run, without fault
	Log        string      `json:"log"`
}

func (o *Outcome) flat() flatOutcome {
	return flatOutcome{
		LabDir: o.LabDir, Lab: o.Lab, Client: o.Client, Arg: o.Arg, Patch: o.Patch,
		SHA256: o.SHA256, Definition: o.Definition,
		Result: string(o.result()), Code: o.Code, Verdict: o.Verdict, Reason: o.Reason,
		Run: o.Run, Dir: o.Dir, Before: o.Before, Started: o.Started, Seconds: o.Seconds,
		Skipped: o.Skipped, Log: o.Log,
	}
}

// JSON writes the summary as one object: version (1), the fields of Summary,
// and outcomes, a list of flat objects with the fields lab_dir, lab, client,
// arg, patch, sha256, definition, result, code, verdict, reason, run, dir,
// before, started (absent: not started), seconds, skipped and log. Result is
// "passed", "failed", "inconclusive", "no verdict", "broken", "busy",
// "interrupted", "not started" or "skipped". Texts are as they came: whoever
// shows them makes them harmless.
func (s *Summary) JSON(w io.Writer) error {
	doc := struct {
		Version int `json:"version"`
		*Summary
		Outcomes []flatOutcome `json:"outcomes"`
	}{Version: summaryVersion, Summary: s, Outcomes: make([]flatOutcome, len(s.Outcomes))}
	for i := range s.Outcomes {
		doc.Outcomes[i] = s.Outcomes[i].flat()
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	if err := e.Encode(doc); err != nil {
		return fmt.Errorf("cannot write the summary: %w", err)
	}
	return nil
}
