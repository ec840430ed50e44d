package virt

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"libvirt.org/go/libvirt"

	"github.com/patchlab/patchlab/lab/agent"
)

// Machines are saved and loaded by QEMU's own migration, in the same way with
// and without a RAM file. libvirt's save would need a helper program that is
// not with its driver, and knows nothing of RAM files.

const (
	migrationInterval = 5 * time.Millisecond
	// A transfer takes milliseconds and, where the memory is in it, what the
	// host's disk takes: the limits are for a QEMU or a disk that hangs.
	migrationLimit       = time.Minute
	migrationLimitPerMiB = 100 * time.Millisecond
	cancelLimit          = 10 * time.Second
	// migrationBandwidth lifts QEMU's limit, in bytes a second.
	migrationBandwidth = 1 << 40
	// stateFD is what QEMU calls the state file's descriptor. It takes the
	// descriptor, not the path: its user need not reach the file.
	stateFD = "state"
)

// A direction is a command of QEMU's.
type direction string

const (
	toFile   direction = "migrate"
	fromFile direction = "migrate-incoming"
)

// transfer makes QEMU write a machine's state to file or read it, and returns
// when that is done. With whole its memory is a part of it; the other end has
// to agree.
func transfer(ctx context.Context, d *libvirt.Domain, to direction, file *os.File, whole bool, m agent.MachineSpec) error {
	err := execute(d, "migrate-set-capabilities", map[string]any{
		"capabilities": []map[string]any{{"capability": "x-ignore-shared", "state": !whole}},
	}, nil, nil)
	if err != nil {
		return err
	}
	if err := execute(d, "migrate-set-parameters", map[string]any{"max-bandwidth": migrationBandwidth}, nil, nil); err != nil {
		return err
	}
	if err := execute(d, "getfd", map[string]any{"fdname": stateFD}, nil, file); err != nil {
		return err
	}
	if err := execute(d, string(to), map[string]any{"uri": "fd:" + stateFD}, nil, nil); err != nil {
		return errors.Join(err, execute(d, "closefd", map[string]any{"fdname": stateFD}, nil, nil))
	}
	limit := migrationLimit
	if whole {
		limit += time.Duration(m.MemoryMiB) * migrationLimitPerMiB
	}
	end, err := await(ctx, d, limit)
	if err == nil {
		return end.failure()
	}
	if to == toFile {
		err = errors.Join(err, cancel(d))
	}
	return err
}

// cancel ends a migration that still writes.
func cancel(d *libvirt.Domain) error {
	if err := execute(d, "migrate_cancel", nil, nil, nil); err != nil {
		return err
	}
	_, err := await(context.Background(), d, cancelLimit)
	return err
}

// await returns how a migration ended.
func await(ctx context.Context, d *libvirt.Domain, limit time.Duration) (migration, error) {
	ctx, stop := context.WithTimeoutCause(ctx, limit, fmt.Errorf("QEMU's migration has not ended after %v", limit))
	defer stop()
	for {
		var m migration
		if err := execute(d, "query-migrate", nil, &m, nil); err != nil || m.ended() {
			return m, err
		}
		select {
		case <-time.After(migrationInterval):
		case <-ctx.Done():
			return m, context.Cause(ctx)
		}
	}
}

// migration is QEMU's MigrationInfo.
type migration struct {
	Status string `json:"status"` // empty when it has not begun
	Desc   string `json:"error-desc"`
}

func (m migration) ended() bool {
	return m.Status == "completed" || m.Status == "failed" || m.Status == "cancelled"
}

// failure is the error of a migration that has ended.
func (m migration) failure() error {
	if m.Status == "completed" {
		return nil
	}
	return fmt.Errorf("QEMU's migration %s: %.500q", m.Status, m.Desc)
}
