package agent

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"
)

const (
	headerLimit = 16 << 10 // bytes
	headerTime  = 10 * time.Second
	drainLimit  = machineLimit + 10*time.Second
	answerLimit = time.Second
)

// serve starts a on the instance's socket. The function it returns refuses
// new requests, ends streams, waits for running requests and removes the
// socket.
func serve(ctx context.Context, a *api) (stop func() error, err error) {
	socket := a.spec.Load().SocketPath()
	l, err := listenUnix(socket)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(socket, 0o600); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	var cancel context.CancelFunc
	a.ctx, cancel = context.WithCancel(context.WithoutCancel(ctx))
	srv := &http.Server{
		Handler:           a.handler(),
		ReadHeaderTimeout: headerTime,
		MaxHeaderBytes:    headerLimit,
		ErrorLog:          slog.NewLogLogger(a.log.Handler(), slog.LevelWarn),
		BaseContext:       func(net.Listener) context.Context { return a.ctx },
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(peerListener{l, a.log}) }()
	return func() error {
		cancel()
		err := a.drain(drainLimit)
		// Answers that are on their way get there; connections that never
		// asked for anything are not waited for.
		limit, done := context.WithTimeout(context.Background(), answerLimit)
		defer done()
		if srv.Shutdown(limit) != nil {
			err = errors.Join(err, srv.Close())
		}
		if e := <-served; !errors.Is(e, http.ErrServerClosed) {
			err = errors.Join(err, e)
		}
		return err
	}, nil
}
