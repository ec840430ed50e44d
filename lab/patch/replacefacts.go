package patch

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/guest"
)

// What there may be at a path.
const (
	fileAbsent = "absent"
	fileThere  = "file"
	fileFolder = "folder"
	fileLoop   = "loop"
)

// fileFacts is what is known of a file on a machine.
type fileFacts struct {
	kind  string
	mode  string // octal
	ids   string // "uid:gid"
	owner string // "user:group", as given or as the machine says it
	sum   string // SHA-256, lower-case hex
}

// lookScript prints for each path what there is, its mode, ids, owner and
// SHA-256, and where the path leads, with tabs between them.
const lookScript = `
for f do
	real=$f
	if [ -h "$f" ]; then
		real=$(readlink -f -- "$f") || real=
	fi
	if [ -z "$real" ]; then printf 'loop\t\t\t\t\t%s\n' "$f"
	elif [ -d "$real" ]; then printf 'folder\t\t\t\t\t%s\n' "$real"
	elif [ -f "$real" ]; then
		facts=$(stat -c '%a	%u:%g	%U:%G' -- "$real") && sum=$(sha256sum <"$real") || exit 1
		printf 'file\t%s\t%s\t%s\n' "$facts" "${sum%% *}" "$real"
	elif [ -e "$real" ]; then printf 'other\t\t\t\t\t%s\n' "$real"
	else printf 'absent\t\t\t\t\t%s\n' "$real"
	fi
done`

// look asks the machine about files, by where they lead, and gives each
// answer to take.
func (j *job) look(ctx context.Context, files []replaced, take func(f *replaced, leads string, facts fileFacts)) error {
	args := []string{"set", "--"}
	for _, f := range files {
		args = append(args, f.real)
	}
	text, err := j.ask(ctx, guest.Quote(args...)+lookScript)
	if err != nil {
		return err
	}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for i := range files {
		var f []string
		if len(lines) == len(files) {
			f = strings.SplitN(lines[i], "\t", 6)
		}
		if len(f) != 6 {
			err := fmt.Errorf("it describes files in an unexpected way: %q", lab.Printable(text, 100))
			return &lab.GuestError{Machine: j.guest.Machine().Name, Op: "prepare the patch on", Err: err}
		}
		take(&files[i], f[5], fileFacts{kind: f[0], mode: f[1], ids: f[2], owner: f[3], sum: f[4]})
	}
	return nil
}

// obstacle says why nothing can be put there; empty when it can.
func (f fileFacts) obstacle() string {
	switch f.kind {
	case fileAbsent, fileThere:
		return ""
	case fileFolder:
		return "it is a folder"
	case fileLoop:
		return "it is a link that leads in a circle, or into a folder that does not exist"
	}
	return "it is no ordinary file"
}

// wantedFacts are those of a file after it is replaced. Had are those of what
// is there before. It fails when the source cannot be read.
func wantedFacts(r lab.Replacement, had fileFacts) (fileFacts, error) {
	rec, err := hashFile(r.Source, "")
	want := fileFacts{kind: fileThere, sum: rec.SHA256, mode: cmp.Or(r.Mode, had.mode, "0644"), owner: r.Owner}
	if r.Owner == "" {
		want.owner = cmp.Or(had.ids, "0:0")
	} else if !strings.Contains(r.Owner, ":") {
		_, group, _ := strings.Cut(cmp.Or(had.ids, "0:0"), ":")
		want.owner += ":" + group
	}
	return want, err
}

// differs says in what a file is other than want; empty when it is not.
func (f fileFacts) differs(want fileFacts) string {
	switch {
	case f.kind != want.kind:
		return "is not there"
	case want.kind == fileAbsent:
		return ""
	case f.sum != want.sum:
		return "has another content: its SHA-256 is " + f.sum + ", want " + want.sum
	case !sameMode(f.mode, want.mode):
		return "has mode " + f.mode + ", want " + want.mode
	case !f.ownedBy(want.owner):
		return "belongs to " + f.owner + ", want " + want.owner
	}
	return ""
}

func sameMode(a, b string) bool {
	x, errX := strconv.ParseUint(a, 8, 16)
	y, errY := strconv.ParseUint(b, 8, 16)
	return errX == nil && errY == nil && x == y
}

// ownedBy compares owner and group each by name and by number.
func (f fileFacts) ownedBy(owner string) bool {
	user, group, _ := strings.Cut(owner, ":")
	uid, gid, _ := strings.Cut(f.ids, ":")
	name, groupName, _ := strings.Cut(f.owner, ":")
	return (user == uid || user == name) && (group == gid || group == groupName)
}
