package guest

import (
	"context"
	"fmt"
	"regexp"
)

var nonceText = regexp.MustCompile(`^[0-9A-Za-z]{8,128}$`)

// Plant writes nonce into the machine's memory, and makes sure that it is
// memory: what holds it later has this memory, and not just this disk. It
// removes all markers that an earlier Wake left. Nonce is 8 to 128 letters
// and digits.
func (g *Guest) Plant(ctx context.Context, nonce string) error {
	d, err := g.dialect()
	if err != nil {
		return err
	}
	if !nonceText.MatchString(nonce) {
		return fmt.Errorf("cannot plant a nonce on machine %q: it is not 8 to 128 letters and digits", g.cfg.Machine.Name)
	}
	return g.do(ctx, "plant the nonce on", d.plant(nonce), answerLimit)
}

// plantScript makes the folders of the markers as well, so that waking need
// not.
const plantScript = `
set -e
umask 077
mkdir -p "$run" "$disk"
chmod 0700 "$run" "$disk"
type=$(stat -f -c %T "$run")
case $type in
tmpfs | ramfs) ;;
*) echo "$run is on $type, not in memory" >&2; exit 1 ;;
esac
rm -f "$disk"/marker-* "$run"/marker-* "$run/nonce"
printf '%s\n' "$nonce" >"$run/nonce"`

func (l linux) plant(nonce string) string { return l.script(plantScript, "nonce", nonce) }
