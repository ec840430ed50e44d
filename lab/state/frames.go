package state

import (
	"bytes"
	"strconv"
	"strings"
)

// frame is what one part of a script printed.
type frame struct {
	data []byte
	code int    // exit code
	said string // what it complained about
}

// parseFrames takes the output of a script apart. Before each frame there is a
// line "<mark> begin <name>", behind it "<mark> end <name> <exit code> " and
// what it complained about, at the end of all "<mark> done", each with a line
// end before it. What is in a frame cannot end it: nobody on the machine knows
// the mark. A frame without its end is left out; whole says that the script
// came to its end.
func parseFrames(out []byte, mark string) (frames map[string]frame, whole bool) {
	frames = map[string]frame{}
	var name string
	var data []byte
	for i, piece := range bytes.Split(out, []byte("\n"+mark+" ")) {
		if i == 0 {
			continue // nothing belongs there
		}
		verb, rest, _ := bytes.Cut(piece, []byte(" "))
		switch string(verb) {
		case "begin":
			n, d, _ := bytes.Cut(rest, []byte("\n"))
			name, data = string(n), d
		case "end":
			if f, ok := endOf(name, string(rest)); ok {
				f.data = data
				frames[name] = f
			}
			name, data = "", nil
		default:
			whole = whole || strings.TrimSpace(string(verb)) == "done"
		}
	}
	return frames, whole
}

// endOf reads "<name> <exit code> <complaint>".
func endOf(name, text string) (frame, bool) {
	fields := strings.SplitN(text, " ", 3)
	if len(fields) != 3 || name == "" || fields[0] != name {
		return frame{}, false
	}
	code, err := strconv.Atoi(fields[1])
	return frame{code: code, said: strings.TrimSpace(fields[2])}, err == nil
}

// fault says why a frame is no good; empty when it is.
func (f frame) fault() string {
	if f.code == 0 {
		return ""
	}
	fault := "exit code " + strconv.Itoa(f.code)
	if f.said != "" {
		fault += ": " + f.said
	}
	return fault
}
