package guest

import (
	"context"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/patchlab/patchlab/lab"
)

// knockLimit is how long it is waited for a new login: what was patched may
// just be starting again.
const knockLimit = 45 * time.Second

// Knock logs in anew, beside the connection that is there, and leaves again:
// a machine that lets nobody in any more goes on serving the connections it
// has. Errors: *lab.GuestError; ctx's cause when that ended.
func (g *Guest) Knock(ctx context.Context, p lab.Progress) error {
	err := Wait(ctx, Waiting{
		What: "a new login on " + g.cfg.Machine.Name, First: firstRetry, Interval: g.limits.poll,
		Limit: g.limits.knock, Progress: p,
	}, func(ctx context.Context) error {
		if g.cfg.Alive != nil {
			if err := g.cfg.Alive(ctx); err != nil && ctx.Err() == nil {
				return Permanent(err)
			}
		}
		client, err := g.connect(ctx)
		if err != nil {
			return err
		}
		return client.Close()
	})
	if err != nil {
		return ctxOr(ctx, g.fail("log in anew to", err))
	}
	return nil
}

// HostKey is the machine's host key, as a line of an authorized_keys file has
// it.
func (g *Guest) HostKey() string {
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(g.cfg.HostKey)))
}
