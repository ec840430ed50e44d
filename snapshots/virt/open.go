package virt

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"sync"

	"github.com/gofrs/flock"
	"libvirt.org/go/libvirt"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/agent"
)

// hypervisor is libvirt's embedded driver as an agent.Hypervisor.
type hypervisor struct {
	spec *agent.Spec
	log  *slog.Logger
	lock *flock.Flock // keeps a second process off the root
	conn *libvirt.Connect

	callbacks []int
	calls     sync.WaitGroup // of libvirt calls that outlive their context

	mu      sync.Mutex
	last    map[string]ending            // by machine: how it ended
	paused  map[string]string            // by machine: why it does not go on
	started map[string]agent.MachineSpec // by machine: what it was started with
	closed  bool
}

var _ agent.Hypervisor = (*hypervisor)(nil)

// Open starts the embedded driver for spec, whose RunDir must exist. Machines
// that a dead agent left running are destroyed first. Errors are
// *lab.BusyError, when another process has opened it, or *lab.HostError.
//
// A process may call it once: libvirt's driver stays in the process, bound to
// its root, even after Close.
func Open(ctx context.Context, spec *agent.Spec, log *slog.Logger) (agent.Hypervisor, error) {
	owner, err := agent.QEMUOwner()
	if err != nil {
		return nil, err
	}
	lock := flock.New(filepath.Join(spec.RunDir, "virt.lock"))
	if ok, err := lock.TryLock(); err != nil || !ok {
		return nil, lockError(spec, err)
	}
	if !opened.CompareAndSwap(false, true) {
		return nil, errors.Join(errors.New("cannot open a second hypervisor in one process"), lock.Unlock())
	}
	h := &hypervisor{
		spec: spec, log: log, lock: lock,
		last: map[string]ending{}, paused: map[string]string{}, started: map[string]agent.MachineSpec{},
	}
	if err := h.open(ctx, owner); err != nil {
		return nil, &lab.HostError{
			Op: "start libvirt's embedded driver", Err: errors.Join(err, h.Close(context.WithoutCancel(ctx))),
			Hint: "patchlab doctor",
		}
	}
	return h, nil
}

func lockError(spec *agent.Spec, err error) error {
	if err != nil {
		return &lab.HostError{Op: "lock " + spec.RunDir, Err: err}
	}
	return &lab.BusyError{What: fmt.Sprintf("instance %q", spec.ID), Holder: "another process"}
}

func (h *hypervisor) open(ctx context.Context, owner agent.Owner) error {
	if err := agent.KillLeftovers(ctx, h.spec, h.log); err != nil {
		return err
	}
	if err := prepareRoot(h.spec, owner); err != nil {
		return fmt.Errorf("cannot prepare its root: %w", err)
	}
	if err := restoreCapabilities(h.spec); err != nil {
		h.log.Warn("cannot use the saved capabilities", "error", err)
	}
	currentLog.Store(h.log)
	if err := startOnce(); err != nil {
		return err
	}
	u := url.URL{Scheme: "qemu", Path: "/embed", RawQuery: url.Values{"root": {h.spec.VirtRoot()}}.Encode()}
	conn, err := connect(u.String())
	if err != nil {
		return err
	}
	h.conn = conn
	if err := openUp(h.spec.VirtRoot()); err != nil {
		return err
	}
	return h.subscribe()
}

// openUp lets QEMU's user pass through the folders libvirt has just made,
// whatever this process's umask is.
func openUp(root string) error {
	for _, d := range []string{".", "lib", "lib/qemu", "run", "run/qemu", "log", "log/qemu", "cache", "cache/qemu"} {
		err := os.Chmod(filepath.Join(root, d), 0o711) //nolint:gosec // QEMU's user passes through
		if err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	return nil
}

// Close implements agent.Hypervisor. It may be called again.
func (h *hypervisor) Close(ctx context.Context) error {
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		return nil
	}
	h.closed = true
	h.mu.Unlock()

	var errs []error
	if h.conn != nil {
		errs = append(errs, h.destroyAll())
		h.calls.Wait()
		for _, id := range h.callbacks {
			_ = h.conn.DomainEventDeregister(id)
		}
		if _, err := h.conn.Close(); err != nil {
			errs = append(errs, fmt.Errorf("cannot close libvirt: %w", err))
		}
	}
	errs = append(errs, agent.KillLeftovers(ctx, h.spec, h.log), h.lock.Unlock())
	return errors.Join(errs...)
}
