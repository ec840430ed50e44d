package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
)

// Logs opens the logs of an instance's life by name ("setup-web.log").
type Logs interface {
	// Log opens a log for appending. What is written to it may be cut at a
	// limit, and is free of the lab's secrets.
	Log(name string) (io.WriteCloser, error)
}

// Guests are the machines that Boot brought up, by name.
type Guests map[string]Guest

// Close drops every connection.
func (g Guests) Close() {
	for _, guest := range g {
		_ = guest.Close()
	}
}

// Boot starts every machine of l through on as soon as those it depends on are
// set up, sets it up and waits until it rests. Machines that do not depend on
// each other boot side by side. It returns the guests that came up, also when
// there is an error: the errors of all machines, joined in the definition's
// order.
func Boot(ctx context.Context, on Booter, l *Lab, logs Logs, arm Arm, o Observer) (Guests, error) {
	b := &booting{on: on, logs: logs, arm: arm, obs: o, redact: l.Redactor(), done: map[*Machine]chan struct{}{}, guests: Guests{}}
	for _, m := range l.Machines {
		b.done[m] = make(chan struct{})
	}
	errs := make([]error, len(l.Machines))
	var wg sync.WaitGroup
	for i, m := range l.Machines {
		wg.Go(func() {
			defer close(b.done[m])
			errs[i] = b.bring(ctx, m)
		})
	}
	wg.Wait()
	err := errors.Join(errs...)
	redactError(err, b.redact)
	return b.guests, err
}

// booting is the state of one Boot.
type booting struct {
	on     Booter
	logs   Logs
	arm    Arm
	obs    Observer
	redact func(string) string
	done   map[*Machine]chan struct{} // closed when the machine is up, or will not be

	mu     sync.Mutex
	guests Guests // those that are set up
}

// bring boots and sets up m after what it depends on. A machine whose
// dependency failed stays off, silently: the dependency's error is the cause.
func (b *booting) bring(ctx context.Context, m *Machine) error {
	for _, d := range m.DependsOn {
		select {
		case <-b.done[d]:
		case <-ctx.Done():
			return ctx.Err()
		}
		if b.guest(d) == nil {
			return nil
		}
	}
	g, err := b.boot(ctx, m)
	if err != nil {
		return err
	}
	if err := b.setUp(ctx, g); err != nil {
		_ = g.Close()
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.guests[m.Name] = g
	return nil
}

func (b *booting) guest(m *Machine) Guest {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.guests[m.Name]
}

func (b *booting) boot(ctx context.Context, m *Machine) (g Guest, err error) {
	p, end := b.obs.Begin(b.arm, m.Name, "boot")
	defer func() { end(err) }()
	return b.on.Boot(ctx, m, p)
}

func (b *booting) setUp(ctx context.Context, g Guest) (err error) {
	m := g.Machine()
	if m.Setup == nil {
		return nil
	}
	p, end := b.obs.Begin(b.arm, m.Name, "set up")
	defer func() { end(err) }()
	log, err := b.logs.Log("setup-" + m.Name + ".log")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	for _, u := range m.Setup.Uploads {
		p.Step("uploading " + u.Dest)
		if err := g.Upload(ctx, u.Source, u.Dest, 0o644, p); err != nil {
			return err
		}
	}
	for i, c := range m.Setup.Run {
		p.Step(fmt.Sprintf("command %d of %d", i+1, len(m.Setup.Run)))
		if err := b.setUpCommand(ctx, g, c, i, log); err != nil {
			return err
		}
	}
	return g.Settle(ctx, p)
}

// setUpCommand runs the i-th set-up command, which must exit with 0.
func (b *booting) setUpCommand(ctx context.Context, g Guest, shell string, i int, log io.Writer) error {
	m := g.Machine()
	fmt.Fprintf(log, "+ %s\n", shell)
	out, err := g.Run(ctx, Command{Shell: shell, Stdout: log, Stderr: log, Timeout: m.Setup.Timeout})
	if err != nil {
		return err
	}
	if out.ExitCode == 0 {
		return nil
	}
	return &GuestError{
		Machine: m.Name,
		Op:      "set up",
		Err:     fmt.Errorf("command %d of its setup block (%s) exited with %d", i+1, m.Setup.Pos, out.ExitCode),
		// Redacted before it is cut, which could tear a secret in two.
		Tail: lastBytes(b.redact(string(out.Stdout)), 2048) + lastBytes(b.redact(string(out.Stderr)), 2048),
	}
}

func lastBytes(s string, n int) string {
	return s[max(0, len(s)-n):]
}
