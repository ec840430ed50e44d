package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
)

const (
	consoleRead    = 4096
	consoleBacklog = 256 // chunks a slow reader may be behind before it is dropped
)

// console is one machine's serial port: what the machine says goes to its log
// and to everybody who listens; what they write goes to the machine.
type console struct {
	machine string
	logFile *cappedLog
	log     *slog.Logger

	mu      sync.Mutex
	guest   net.Conn // nil while the machine does not run
	readers map[*consoleReader]struct{}
}

// consoleReader is somebody who watches a console.
type consoleReader struct {
	queue chan []byte // closed when the reader was too slow or the console ended
}

func newConsole(machine, logPath string, log *slog.Logger) (*console, error) {
	f, err := openCappedLog(logPath)
	if err != nil {
		return nil, fmt.Errorf("cannot open console log of machine %q: %w", machine, err)
	}
	return &console{machine: machine, logFile: f, log: log, readers: map[*consoleReader]struct{}{}}, nil
}

// serve copies from conn, QEMU's end, until it closes. A newer connection
// takes the place of an older one.
func (c *console) serve(conn net.Conn) {
	c.mu.Lock()
	if c.guest != nil {
		_ = c.guest.Close()
	}
	c.guest = conn
	c.mu.Unlock()
	defer func() {
		_ = conn.Close()
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.guest == conn {
			c.guest = nil
		}
	}()
	buf := make([]byte, consoleRead)
	for {
		n, err := conn.Read(buf)
		if n > 0 {
			c.say(buf[:n])
		}
		if err != nil {
			return
		}
	}
}

func (c *console) say(p []byte) {
	if _, err := c.logFile.Write(p); err != nil {
		c.log.Error("cannot write console log", "machine", c.machine, "error", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.readers) == 0 {
		return
	}
	chunk := append([]byte(nil), p...)
	for r := range c.readers {
		select {
		case r.queue <- chunk:
		default:
			c.log.Warn("dropping a console reader that is too slow", "machine", c.machine)
			c.drop(r)
		}
	}
}

// drop ends a reader. The caller holds the lock.
func (c *console) drop(r *consoleReader) {
	if _, ok := c.readers[r]; ok {
		delete(c.readers, r)
		close(r.queue)
	}
}

// attach lets client watch and type until it goes, falls behind or ctx ends.
func (c *console) attach(ctx context.Context, client net.Conn) {
	r := &consoleReader{queue: make(chan []byte, consoleBacklog)}
	c.mu.Lock()
	c.readers[r] = struct{}{}
	c.mu.Unlock()
	stop := context.AfterFunc(ctx, func() { _ = client.Close() })
	defer stop()

	var wg sync.WaitGroup
	wg.Go(func() {
		for chunk := range r.queue {
			if _, err := client.Write(chunk); err != nil {
				break
			}
		}
		_ = client.Close() // ends the reading below
	})
	buf := make([]byte, consoleRead)
	for {
		n, err := client.Read(buf)
		if n > 0 {
			c.typeIn(buf[:n])
		}
		if err != nil {
			break
		}
	}
	c.mu.Lock()
	c.drop(r)
	c.mu.Unlock()
	wg.Wait()
}

// typeIn writes to the machine. What is typed while it does not run is lost,
// as on a real serial line.
func (c *console) typeIn(p []byte) {
	c.mu.Lock()
	guest := c.guest
	c.mu.Unlock()
	if guest == nil {
		return
	}
	if _, err := guest.Write(p); err != nil && !errors.Is(err, net.ErrClosed) {
		c.log.Warn("cannot type on console", "machine", c.machine, "error", err)
	}
}

// close ends the machine's connection and all readers.
func (c *console) close() error {
	c.mu.Lock()
	if c.guest != nil {
		_ = c.guest.Close()
	}
	for r := range c.readers {
		c.drop(r)
	}
	c.mu.Unlock()
	return c.logFile.Close()
}
