package lab

import (
	"fmt"
	"slices"
	"strings"
)

// String is the change on one line, without its machine and its diff:
// "package apache2:amd64: 2.4.57-2 → 2.4.62-1".
func (c StateChange) String() string {
	return fmt.Sprintf("%s %s: %s", c.Kind, c.Name, c.what())
}

func (c StateChange) what() string {
	switch c.Kind {
	case StateFile:
		return c.whatFile()
	case StateFailed:
		return either(c.To == "", "no longer failed", "failed")
	case StateDisk, StateMemory:
		return c.whatNumber("MiB")
	case StateBoot:
		return c.whatNumber("s")
	case StateError:
		return c.whatNumber("times")
	case StateCommand:
		return c.whatCommand()
	}
	switch {
	case c.From == "":
		return "new (" + c.To + ")"
	case c.To == "":
		return "gone (" + c.From + ")"
	}
	return c.From + " → " + c.To
}

func (c StateChange) whatNumber(unit string) string {
	switch {
	case c.From == "":
		return fmt.Sprintf("new (%s %s)", c.To, unit)
	case c.To == "":
		return fmt.Sprintf("gone (%s %s)", c.From, unit)
	}
	return fmt.Sprintf("%s → %s %s", c.From, c.To, unit)
}

// whatFile says what of a file changed; hashes tell nobody anything.
func (c StateChange) whatFile() string {
	switch {
	case c.From == "":
		return "new"
	case c.To == "":
		return "gone"
	}
	from, to := strings.SplitN(c.From, " ", 4), strings.SplitN(c.To, " ", 4)
	if len(from) < 3 || len(to) < 3 {
		return "changed"
	}
	if from[0] != to[0] {
		return from[0] + " → " + to[0]
	}
	var what []string
	for i, field := range []string{"", "mode", "owner"} {
		if from[i] != to[i] {
			what = append(what, field+" "+from[i]+" → "+to[i])
		}
	}
	if !slices.Equal(from[3:], to[3:]) {
		target := from[0] == "link" && len(from) == 4 && len(to) == 4
		what = append(what, either(target, "target "+last(from)+" → "+last(to), "content"))
	}
	return "changed (" + strings.Join(what, ", ") + ")"
}

// whatCommand compares "<exit code> <SHA-256>".
func (c StateChange) whatCommand() string {
	from, _, _ := strings.Cut(c.From, " ")
	to, _, _ := strings.Cut(c.To, " ")
	switch {
	case c.From == "":
		return "new"
	case c.To == "":
		return "gone"
	case from == to:
		return "prints something else"
	}
	return "exit code " + from + " → " + to
}

func last(fields []string) string { return fields[len(fields)-1] }

func either(is bool, yes, no string) string {
	if is {
		return yes
	}
	return no
}
