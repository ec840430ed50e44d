package agent

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/network"
)

// Net is the networks of an instance, as the agent needs them:
// *network.Stack.
type Net interface {
	// Attach connects a machine's network card to a network, takes conn over
	// and returns; the channel tells its end.
	Attach(network string, conn net.Conn) (<-chan error, error)
	// Dial connects to "host:port" from a network's gateway.
	Dial(ctx context.Context, network, addr string) (net.Conn, error)
	// DialUDP is Dial for UDP.
	DialUDP(ctx context.Context, network, addr string) (net.Conn, error)
	// Ping sends echo requests from a network's gateway.
	Ping(ctx context.Context, network, host string, count int) (answered int, fastest time.Duration, err error)
	// Address is where a machine's first network card can be reached.
	Address(machine string) (network string, addr netip.Addr, ok bool)
	// Egress is what machines tried to reach outside, most frequent first.
	Egress() []lab.EgressAttempt
	Stats() network.Stats
	Close() error
}

// NetMaker makes the networks of an instance.
type NetMaker func(configs []network.Config, log *slog.Logger) (Net, error)

// userSpaceNet is the NetMaker of every real agent.
func userSpaceNet(configs []network.Config, log *slog.Logger) (Net, error) {
	s, err := network.New(configs, log)
	if err != nil {
		return nil, err
	}
	return s, nil
}
