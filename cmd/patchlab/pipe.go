package main

import (
	"context"
	"io"
	"net"
)

// pipe copies between conn and the standard streams until the other side has
// ended, or ctx. The end of standard input is passed on.
func (a *app) pipe(ctx context.Context, conn net.Conn) error {
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	defer func() { _ = conn.Close() }()
	go func() {
		_, _ = io.Copy(conn, a.stdin)
		if c, ok := conn.(interface{ CloseWrite() error }); ok {
			_ = c.CloseWrite()
		}
	}()
	_, err := io.Copy(a.stdout, conn)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}
