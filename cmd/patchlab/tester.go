package main

import (
	"context"
	"os"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/check"
	"github.com/patchlab/patchlab/lab/patch"
	"github.com/patchlab/patchlab/lab/state"
	"github.com/patchlab/patchlab/snapshots"
	"github.com/patchlab/patchlab/snapshots/virt"
)

// tester makes what runs patches on l, and opens the store for it. It has no
// observer yet.
func (a *app) tester(ctx context.Context, l *lab.Lab) (*lab.Tester, error) {
	engine, err := a.engine()
	if err != nil {
		return nil, err
	}
	return a.testerOf(ctx, engine, l)
}

// testerOf makes what runs patches on l with an engine.
func (a *app) testerOf(ctx context.Context, engine *snapshots.Engine, l *lab.Lab) (*lab.Tester, error) {
	host, err := os.Hostname()
	if err != nil {
		return nil, err
	}
	qemu, kernel := engine.Versions(ctx)
	return &lab.Tester{
		Host: engine, Checks: checker(l), Patcher: patch.Applier{Redact: l.Redactor()}, Pin: patch.Pin,
		Surveyor: state.Surveyor{Redact: l.Redactor()},
		RunsDir:  engine.Store.RunsDir(l.Name), Keep: writeReports,
		Tool: lab.ToolRecord{
			Patchlab: version(), Accel: engine.Accel, Host: host, QEMU: qemu, Kernel: kernel, Libvirt: virt.LibraryVersion(),
		},
	}, nil
}

// checker makes what makes checks on l.
func checker(l *lab.Lab) check.Runner {
	return check.Runner{Redact: l.Redactor(), RebootPending: patch.Applier{Redact: l.Redactor()}.RebootPending}
}
