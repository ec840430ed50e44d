package patch

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/guest"
)

// restartScript restarts services, one after the other. Of the first that
// fails it prints, last, what the service manager says and the service's last
// line in the journal.
const restartScript = `
blame() {
	case $1 in *.*) unit=$1 ;; *) unit=$1.service ;; esac
	log=$(journalctl -q -n 1 -o cat --no-pager "_SYSTEMD_UNIT=$unit" 2>/dev/null)
	[ -n "$log" ] || log=$(journalctl -q -n 1 -o cat --no-pager -u "$unit" 2>/dev/null)
	echo "service $1: $2${log:+ Its log: $log}"
	exit 1
}
if ! command -v systemctl >/dev/null; then
	for s do
		service "$s" restart || { echo "service $s cannot be restarted"; exit 1; }
	done
	exit 0
fi
if [ -n "$reload" ]; then systemctl daemon-reload || exit 1; fi
for s do
	if out=$(systemctl restart -- "$s" 2>&1); then continue; fi
	printf '%s\n' "$out"
	blame "$s" "${out%%
*}"
done
if [ $# -gt 0 ] && systemctl -q is-failed -- "$@"; then
	for s do
		if systemctl -q is-failed -- "$s"; then blame "$s" "It failed after it was started."; fi
	done
fi
exit 0`

// unitFolders are where systemd reads its units.
var unitFolders = []string{"/etc/systemd/", "/lib/systemd/", "/usr/lib/systemd/", "/usr/local/lib/systemd/", "/run/systemd/"}

// restart restarts the services that the patch names, and lets systemd read
// its units again where one was replaced. An outcome says why it failed.
func (j *job) restart(ctx context.Context) (*lab.PatchOutcome, error) {
	reload := slices.ContainsFunc(j.patch.Replace, func(r lab.Replacement) bool {
		return slices.ContainsFunc(unitFolders, func(folder string) bool { return strings.HasPrefix(r.Dest, folder) })
	})
	if len(j.patch.Restart) == 0 && !reload {
		return nil, nil
	}
	shell := guest.Quote(append([]string{"set", "--"}, j.patch.Restart...)...) + "\nreload="
	if reload {
		shell += "1"
	}
	j.progress.Step("restarting " + strings.Join(j.patch.Restart, ", "))
	out, printed, late, err := j.run(ctx, lab.Command{Shell: shell + restartScript, Env: map[string]string{"LC_ALL": "C"}})
	if err != nil {
		return nil, err
	}
	var o lab.PatchOutcome
	switch {
	case late:
		o = failed(-1, "restarting services %s", j.lateMessage(printed))
	case out.ExitCode != 0 || out.Signal != "":
		o = failed(out.ExitCode, "the files are in place, but services cannot be restarted%s", suffix(printed))
	default:
		return nil, nil
	}
	return &o, nil
}

// backoutFiles puts the old files back, removes the new ones and restarts the
// services.
func backoutFiles(ctx context.Context, j *job, o lab.PatchOutcome) (lab.BackoutOutcome, error) {
	undo, ok := o.Undo.(replaceUndo)
	if !ok {
		return lab.BackoutOutcome{Status: lab.CannotTakeOut, Message: "it is not known what the patch replaced"}, nil
	}
	j.progress.Step(fmt.Sprintf("putting %d files back", len(undo.files)))
	failure, err := j.change(ctx, removeFiles(undo.keep, undo.files))
	switch {
	case err != nil:
		return lab.BackoutOutcome{}, err
	case failure != nil && failure.ExitCode == exitGone:
		return lab.BackoutOutcome{Status: lab.CannotTakeOut, ExitCode: exitGone, Message: "the files that were replaced are no longer in " + undo.keep}, nil
	case failure != nil:
		return lab.BackoutOutcome{Status: lab.BackoutFailed, ExitCode: failure.ExitCode, Message: failure.Message}, nil
	}
	if why, err := j.notBack(ctx, undo); err != nil || why != "" {
		return lab.BackoutOutcome{Status: lab.BackoutFailed, Message: why}, err
	}
	if failure, err = j.restart(ctx); err != nil {
		return lab.BackoutOutcome{}, err
	}
	if failure != nil {
		return lab.BackoutOutcome{Status: lab.BackoutFailed, ExitCode: failure.ExitCode, Message: failure.Message}, nil
	}
	if _, err := j.ask(ctx, forget(undo.keep)); err != nil {
		return lab.BackoutOutcome{}, err
	}
	return lab.BackoutOutcome{Status: lab.TakenOut, Message: "every file is as it was before the patch"}, nil
}

// notBack says which file is other than before the patch; empty when none is.
func (j *job) notBack(ctx context.Context, undo replaceUndo) (string, error) {
	now := slices.Clone(undo.files)
	err := j.look(ctx, now, func(f *replaced, _ string, facts fileFacts) { f.want, f.had = f.had, facts })
	for i := range now {
		if now[i].want.kind == fileThere {
			now[i].want.owner = now[i].want.ids
		}
	}
	if err != nil {
		return "", err
	}
	return misplaced(now), nil
}
