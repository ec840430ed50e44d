package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"sync"
)

// sockets are what the machines of an instance connect to.
type sockets struct {
	log       *slog.Logger
	owner     Owner
	listeners []net.Listener
	consoles  map[string]*console
	wg        sync.WaitGroup
}

// openSockets listens for every serial port and network card of spec, before
// any machine runs. On error nothing is left open.
func openSockets(spec *Spec, n Net, owner Owner, log *slog.Logger) (*sockets, error) {
	s := &sockets{log: log, owner: owner, consoles: map[string]*console{}}
	for _, m := range spec.Machines {
		if err := s.add(m, n); err != nil {
			return nil, errors.Join(fmt.Errorf("cannot make the sockets of machine %q: %w", m.Name, err), s.close())
		}
	}
	return s, nil
}

func (s *sockets) add(m MachineSpec, n Net) error {
	c, err := newConsole(m.Name, m.ConsoleLog, s.log)
	if err != nil {
		return err
	}
	s.consoles[m.Name] = c
	if err := s.listen(m.ConsoleSocket, c.serve); err != nil {
		return err
	}
	for _, nic := range m.NICs {
		err := s.listen(nic.Socket, func(conn net.Conn) { s.attach(n, m.Name, nic.Network, conn) })
		if err != nil {
			return err
		}
	}
	return nil
}

// attach holds a network card until its connection ends.
func (s *sockets) attach(n Net, machine, network string, conn net.Conn) {
	ended, err := n.Attach(network, conn)
	if err == nil {
		err = <-ended
	}
	if err != nil {
		s.log.Error("a network card was cut off", "machine", machine, "network", network, "error", err)
	}
}

// listen serves path, each connection in a goroutine of its own. Only QEMU's
// user may connect.
func (s *sockets) listen(path string, serve func(net.Conn)) error {
	l, err := listenUnix(path)
	if err != nil {
		return err
	}
	s.listeners = append(s.listeners, l)
	if err := s.owner.Give(path, 0o600); err != nil {
		return err
	}
	s.wg.Go(func() {
		for {
			conn, err := l.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				s.log.Error("cannot accept a machine's connection", "socket", path, "error", err)
				return
			}
			s.wg.Go(func() { serve(conn) })
		}
	})
	return nil
}

// listenUnix listens on path. What a dead agent left there is removed; the
// caller holds the instance's lock.
func listenUnix(path string) (*net.UnixListener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
}

// close ends all connections and removes the sockets. The networks must be
// closed first: they hold the machines' network cards.
func (s *sockets) close() error {
	var errs []error
	for _, l := range s.listeners {
		errs = append(errs, l.Close())
	}
	for _, c := range s.consoles {
		errs = append(errs, c.close())
	}
	s.wg.Wait()
	return errors.Join(errs...)
}
