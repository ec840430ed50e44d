package guest

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/patchlab/patchlab/lab"
)

// Waking says what Wake does.
type Waking struct {
	Nonce  string // what Plant wrote before the save
	Marker string // to leave on the machine, 16 lower-case hex digits; empty: none
}

// Woken is what Wake found.
type Woken struct {
	NonceEqual bool // the memory holds the nonce
	// Markers are the names of the files that other Wakes left, on disk or in
	// memory, before this one left its own: each once, printable, at most 20.
	Markers []string
	// Offset is how far the machine's clock is ahead of this host's, after it
	// was set.
	Offset time.Duration
}

var markerText = regexp.MustCompile(`^[0-9a-f]{16}$`)

// Wake is for a machine that has just been resumed. In one command it looks
// for nonce and markers, leaves a marker on disk and in memory, and sets the
// clock, which is right within 1 s when it returns, by a look at it
// afterwards; the hardware's clock it leaves alone. What it found is for the
// caller to judge. Errors: *lab.GuestError, where Woken holds what was found
// before; ctx's cause when that ended.
func (g *Guest) Wake(ctx context.Context, w Waking) (Woken, error) {
	d, err := g.dialect()
	if err != nil {
		return Woken{}, err
	}
	if w.Marker != "" && !markerText.MatchString(w.Marker) {
		return Woken{}, fmt.Errorf("cannot wake machine %q: its marker is not 16 lower-case hex digits", g.cfg.Machine.Name)
	}
	t := newWakeTalk(w.Nonce, time.Now)
	defer close(t.over)
	out, over, err := g.talk(ctx, lab.Command{Shell: d.wake(w.Marker), Stdin: t, Stdout: t, Timeout: answerLimit}, t.right)
	woken, ready, clockErr := t.result()
	if !over {
		return woken, nil
	}
	switch {
	case err != nil:
		return woken, g.blame(ctx, "wake", err)
	case out.ExitCode == wakeNoMark:
		return woken, g.refused("leave a marker on", out)
	case out.ExitCode == wakeNoClock:
		return woken, g.refused(opClock, out)
	case out.ExitCode != 0:
		return woken, g.refused("wake", out)
	case !ready:
		return woken, g.fail("wake", errors.New("it does not say what is asked"))
	case clockErr != nil:
		return woken, g.fail(opClock, clockErr)
	}
	g.cfg.Log.Debug("woken", "nonce", woken.NonceEqual, "markers", len(woken.Markers), "offset", woken.Offset)
	return woken, nil
}

// talk runs a command until it ends, or until enough is closed: then the
// command goes on by itself, and its end is nobody's business.
func (g *Guest) talk(ctx context.Context, c lab.Command, enough <-chan struct{}) (out lab.Output, over bool, err error) {
	inner, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { cancel(context.Cause(ctx)) })
	defer stop()
	type end struct {
		out lab.Output
		err error
	}
	ended := make(chan end, 1)
	go func() {
		defer cancel(nil)
		out, err := g.Run(inner, c)
		ended <- end{out, err}
	}()
	select {
	case <-enough:
		return lab.Output{}, false, nil
	case e := <-ended:
		return e.out, true, e.err
	}
}

const opClock = "set the clock of"

// Exit codes of the script.
const (
	wakeNoMark  = 3
	wakeNoClock = 4
)

// wakeScript forks nothing but date, twice, in the usual case: a process costs
// an emulated machine a tenth of a second. It says that it is ready and then
// sets the clock to each line that it is given: whatever its start took does
// not count. Not every date takes fractions of a second. The marker is brought
// to the disk at leisure.
const wakeScript = `
say() { printf 'patchlab: %s\n' "$1"; }
nonce=
[ ! -r "$run/nonce" ] || IFS= read -r nonce <"$run/nonce"
say "nonce $nonce"
count=0
for file in "$disk"/marker-* "$run"/marker-*; do
	[ -e "$file" ] || [ -L "$file" ] || continue
	count=$((count + 1))
	[ "$count" -le 100 ] || break
	say "marker ${file##*/}"
done
if [ -n "$marker" ]; then
	for dir in "$disk" "$run"; do
		[ -d "$dir" ] || mkdir -p -m 0700 "$dir" || exit "$noMark"
		true >"$dir/marker-$marker" || exit "$noMark"
	done
fi
say ready
while IFS= read -r now; do
	if date -u -s "@$now" >/dev/null 2>&1; then
		how=exact
	elif date -u -s "@${now%.*}" >/dev/null; then
		how=whole
	else
		exit "$noClock"
	fi
	say "$how $(date +%s.%N)"
done
if [ -n "$marker" ]; then
	sync "$disk/marker-$marker" </dev/null >/dev/null 2>&1 &
fi
exit 0`

func (l linux) wake(marker string) string {
	return l.script(wakeScript, "marker", marker, "noMark", fmt.Sprint(wakeNoMark), "noClock", fmt.Sprint(wakeNoClock))
}
