package main

import (
	"context"
	"fmt"
	"net"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/agent"
	"github.com/patchlab/patchlab/lab/guest"
	"github.com/patchlab/patchlab/snapshots"
)

// live is an instance that is up, in the hands of this process: as much of a
// lab.Instance as looking at it takes.
type live struct {
	client *agent.Client
	guests map[string]*guest.Guest
}

// newLive makes the connections to the machines of l, which r has all. They
// connect when they are first used.
func newLive(r *snapshots.Running, l *lab.Lab) *live {
	v := &live{client: agent.NewClient(r.Spec.SocketPath()), guests: map[string]*guest.Guest{}}
	for _, m := range l.Machines {
		v.guests[m.Name] = guest.New(guest.Config{
			Machine: m, User: snapshots.SSHUser(m.Image.OS), Signer: r.ClientKey, HostKey: r.HostKeys[m.Name],
			Dial:       func(ctx context.Context) (net.Conn, error) { return v.client.DialMachine(ctx, m.Name, 22) },
			ConsoleLog: r.ConsoleLog(m.Name),
		})
	}
	return v
}

// Guest implements suggest.Instance.
func (v *live) Guest(m *lab.Machine) lab.Guest { return v.guests[m.Name] }

// Gateway implements suggest.Instance.
func (v *live) Gateway(n *lab.Network) lab.Dialer { return liveGateway{v.client, n.Name} }

// Close drops the connections. The machines run on.
func (v *live) Close() {
	for _, g := range v.guests {
		_ = g.Close()
	}
}

// liveGateway dials from the gateway of one network.
type liveGateway struct {
	client  *agent.Client
	network string
}

// DialContext implements lab.Dialer.
func (g liveGateway) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	if network != "tcp" {
		return nil, fmt.Errorf("cannot dial %s from a gateway: only tcp is possible", network)
	}
	return g.client.DialNetwork(ctx, g.network, addr)
}
