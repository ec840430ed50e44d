package state

import (
	"cmp"
	"slices"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// readAccounts reads /etc/passwd and /etc/group. A user's value is number,
// group, home, shell and, when no password opens it, "locked"; a group's is
// number and members.
func readAccounts(st *stock, files map[string][]string, locked frame) {
	if files["etc/group"] == nil {
		st.gap("groups", "there is no /etc/group", lab.StateGroup)
	}
	groups := map[string]string{}
	for _, line := range files["etc/group"] {
		f := strings.Split(line, ":")
		if len(f) < 4 || f[0] == "" || f[2] == "" {
			continue // as "+" of NIS
		}
		groups[f[2]] = f[0]
		members := strings.Split(f[3], ",")
		slices.Sort(members)
		st.add(lab.StateGroup, f[0], strings.TrimSpace(f[2]+" "+strings.Join(members, ",")))
	}
	if files["etc/passwd"] == nil {
		st.gap("users", "there is no /etc/passwd", lab.StateUser)
		return
	}
	if locked.fault() != "" { // or else all would seem to be open
		st.gap("which users are locked", locked.fault(), lab.StateUser)
		return
	}
	closed := strings.Split(string(locked.data), "\n")
	for _, line := range files["etc/passwd"] {
		f := strings.Split(line, ":")
		if len(f) < 7 || f[0] == "" || f[2] == "" {
			continue
		}
		group := f[3]
		if name := groups[f[3]]; name != "" {
			group = name
		}
		value := strings.Join([]string{f[2], group, f[5], f[6]}, " ")
		if slices.Contains(closed, f[0]) {
			value += " locked"
		}
		st.add(lab.StateUser, f[0], value)
	}
}

// namesOfOwners gives "user:group" for "uid:gid", by /etc/passwd and
// /etc/group; who is not in there keeps the number.
func namesOfOwners(lines []byte) func(ids string) string {
	files, _ := fileLines(lines)
	byNumber := func(lines []string) map[string]string {
		names := map[string]string{}
		for _, line := range slices.Backward(lines) { // the first of a number counts
			if f := strings.Split(line, ":"); len(f) >= 3 && f[0] != "" {
				names[f[2]] = f[0]
			}
		}
		return names
	}
	users, groups := byNumber(files["etc/passwd"]), byNumber(files["etc/group"])
	return func(ids string) string {
		user, group, _ := strings.Cut(ids, ":")
		return strings.ReplaceAll(cmp.Or(users[user], user)+":"+cmp.Or(groups[group], group), " ", "_")
	}
}
