package guest

import (
	"context"
	"fmt"

	"github.com/pkg/sftp"
)

// files opens the machine's SFTP subsystem in a session of its own.
func (l *link) files(ctx context.Context) (*sftp.Client, error) {
	type opened struct {
		c   *sftp.Client
		err error
	}
	got := make(chan opened, 1)
	if !l.spawn(func() {
		c, err := sftp.NewClient(l.client)
		got <- opened{c, err}
	}) {
		return nil, l.err()
	}
	select {
	case o := <-got:
		if o.err != nil {
			return nil, fmt.Errorf("cannot open SFTP: %w", l.orLost(o.err))
		}
		return o.c, nil
	case <-ctx.Done():
		l.spawn(func() {
			if o := <-got; o.c != nil {
				_ = o.c.Close()
			}
		})
		return nil, context.Cause(ctx)
	}
}
