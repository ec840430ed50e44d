package state

import (
	"bytes"
	"context"
	_ "embed" // for the script
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/patchlab/patchlab/lab"
)

//go:embed windows.ps1
var windowsScript string

// windowsKinds are the kinds that the script has a part for, of the kind's
// name.
var windowsKinds = []lab.StateKind{
	lab.StateOS, lab.StatePackage, lab.StateService, lab.StateFailed, lab.StatePort, lab.StateUser, lab.StateGroup, lab.StateTimer,
	lab.StateFirewall, lab.StateError, lab.StateMemory, lab.StateDisk, lab.StateBoot, lab.StateFile,
}

// surveyWindows does all but the watched commands. Of watched files, the texts
// are not fetched.
func surveyWindows(ctx context.Context, g lab.Guest, st *stock, p lab.Progress) error {
	p.Step("taking stock")
	got, out, late, err := run(ctx, g, lab.Command{Shell: windowsCommand(g.Machine().Watch.Paths), Timeout: filesTimeout}, maxSurvey)
	if err != nil {
		return err
	}
	if late != nil {
		st.gap("the machine's state", late.Error())
		return nil
	}
	if err := readWindows(st, got.data); err != nil {
		return &lab.GuestError{
			Machine: g.Machine().Name, Op: "take stock of", Tail: lab.PrintableText(st.redact(string(out.Stderr)), 2048),
			Err: fmt.Errorf("its PowerShell exits with %d, and what it says is no JSON: %w", out.ExitCode, err),
		}
	}
	return nil
}

// windowsCommand is the survey's command. The paths are in base64, in which
// nothing means anything to PowerShell.
func windowsCommand(paths []string) string {
	if paths == nil {
		paths = []string{}
	}
	list, err := json.Marshal(paths)
	if err != nil {
		panic(err) // strings always can be
	}
	return fmt.Sprintf("$watched = '%s'\n$mostFiles = %d\n$mostBytes = %d\n%s",
		base64.StdEncoding.EncodeToString(list), maxFiles, maxHash, windowsScript)
}

// named is one item in the script's output.
type named struct {
	Name  string `json:"n"`
	Value string `json:"v"`
}

// list reads what PowerShell makes of a list: a list, for one item the item
// alone, for none nothing, or in some versions an object with the list in it.
type list []named

// UnmarshalJSON implements json.Unmarshaler.
func (l *list) UnmarshalJSON(data []byte) error {
	data = bytes.TrimSpace(data)
	if len(data) == 0 || data[0] != '{' {
		return json.Unmarshal(data, (*[]named)(l))
	}
	var one struct {
		named
		Wrapped *[]named `json:"value"`
	}
	if err := json.Unmarshal(data, &one); err != nil {
		return err
	}
	*l = list{one.named}
	if one.Wrapped != nil {
		*l = *one.Wrapped
	}
	return nil
}

// readWindows reads the script's output.
func readWindows(st *stock, data []byte) error {
	var doc struct {
		Parts map[lab.StateKind]json.RawMessage `json:"parts"`
		Gaps  map[string]string                 `json:"gaps"`
	}
	if err := json.Unmarshal(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")), &doc); err != nil {
		return err
	}
	for _, what := range slices.Sorted(maps.Keys(doc.Gaps)) {
		st.gap(what, doc.Gaps[what])
	}
	for _, kind := range windowsKinds {
		raw, ok := doc.Parts[kind]
		var items list
		switch {
		case !ok && doc.Gaps[string(kind)] != "":
		case !ok:
			st.gap(string(kind), "the machine does not speak of it")
		default:
			if err := json.Unmarshal(raw, &items); err != nil {
				st.gap(string(kind), err.Error())
				continue
			}
			addWindows(st, kind, items)
		}
	}
	return nil
}

func addWindows(st *stock, kind lab.StateKind, items list) {
	st.looked(kind)
	if kind == lab.StateError {
		var messages []string
		for _, it := range slices.Backward(items) { // the newest comes first
			messages = append(messages, message(st.redact(it.Name)))
		}
		st.count(messages, mostMessages)
		return
	}
	for _, it := range items {
		if it.Name != "" && it.Value != "" {
			st.add(kind, it.Name, it.Value)
		}
	}
}
