package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// detachWord on the lifeline tells a Child that it is to stay.
const detachWord = 'd'

// watchLifeline ends the agent when its parent has died without having
// detached it. The goroutine stays in its read until then: nothing can interrupt it, and the process is ending
// anyway.
func (p *process) watchLifeline() {
	if p.o.Lifeline == nil {
		return
	}
	go func() {
		var word [1]byte
		if _, err := io.ReadFull(p.o.Lifeline, word[:]); err == nil && word[0] == detachWord {
			p.log.Info("detached: stays when its parent ends")
			return
		}
		p.log.Info("lifeline ended")
		p.end(errOrphan)
	}()
}

// close undoes what start did, the last first, and goes on past errors.
func (p *process) close() error {
	var errs []error
	for i := len(p.undo) - 1; i >= 0; i-- {
		err := p.undo[i]()
		errs = append(errs, err)
		if err != nil && p.log != nil {
			p.log.Error("cannot end cleanly", "error", err)
		}
	}
	p.undo = nil
	return errors.Join(errs...)
}

// closeHypervisor destroys the machines. libvirt's calls cannot be cancelled:
// when they hang, the machines are killed without it.
func (p *process) closeHypervisor(h Hypervisor) error {
	ctx, cancel := context.WithTimeout(context.Background(), closeLimit)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- h.Close(ctx) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("cannot close the hypervisor: %w", ctx.Err())
	}
}

// removeRunDir makes sure that no machine is left and removes the sockets and
// libvirt's root.
func (p *process) removeRunDir() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeLimit)
	defer cancel()
	if err := KillLeftovers(ctx, p.spec, p.log); err != nil {
		return err // what they use must stay, so that they can be found again
	}
	return os.RemoveAll(p.spec.RunDir)
}

// removeDir removes the folder of an instance that nobody will remove.
func (p *process) removeDir() error {
	if !p.orphan || !p.o.RemoveDir {
		return nil
	}
	return os.RemoveAll(p.spec.Dir)
}
