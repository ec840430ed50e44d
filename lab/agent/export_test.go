package agent

import (
	"context"
	"log/slog"
	"time"
)

// ServeAPI serves the control API alone, as Run does, on spec's sockets.
// Nothing shuts it down but the function it returns.
func ServeAPI(spec *Spec, hv Hypervisor, n Net, log *slog.Logger) (stop func() error, err error) {
	owner, err := QEMUOwner()
	if err != nil {
		return nil, err
	}
	s, err := openSockets(spec, n, owner, log)
	if err != nil {
		return nil, err
	}
	a := &api{hv: hv, net: n, consoles: s.consoles, started: time.Unix(1, 0), log: log, shutdown: func() {}}
	a.spec.Store(spec)
	stopAPI, err := serve(context.Background(), a)
	if err != nil {
		return nil, err
	}
	return func() error {
		err := stopAPI()
		_ = hv.Close(context.Background())
		_ = n.Close()
		_ = s.close()
		return err
	}, nil
}

// FDsVariable is what Launch says to Main.
const FDsVariable = fdsVariable
