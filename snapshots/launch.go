package snapshots

import (
	"context"
	"errors"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/agent"
)

// boot prepares an instance's files and starts its agent, which dies with
// this process. On error nothing is left.
func (e *Engine) boot(ctx context.Context, l *lab.Lab, ram bool, p lab.Progress) (*instance, error) {
	var files *InstanceFiles
	err := e.Store.waitFor(ctx, e.Wait, lab.Quiet(p), func() (err error) {
		files, err = e.Store.PrepareInstance(ctx, l, lab.ArmReady, e.Accel, ram, p)
		return err
	})
	if err != nil {
		return nil, err
	}
	return e.launch(ctx, files, p)
}

// launch starts the agent of an instance.
func (e *Engine) launch(ctx context.Context, files *InstanceFiles, p lab.Progress) (*instance, error) {
	lab.Quiet(p).Step("starting the instance's agent")
	fail := func(err error) (*instance, error) {
		return nil, errors.Join(err, e.Store.RemoveInstance(context.WithoutCancel(ctx), files.Spec))
	}
	j := e.Store.journalOf(files.Spec.ID)
	var uuids []string
	for _, m := range files.Spec.Machines {
		uuids = append(uuids, m.UUID)
	}
	if err := j.intend(intent{Step: "machines", UUIDs: uuids, RunDir: files.Spec.RunDir}); err != nil {
		return fail(err)
	}
	argv := append(append([]string{}, e.AgentArgv...), files.Spec.SpecPath())
	proc, err := agent.Launch(ctx, argv, files.Spec)
	if err != nil {
		return fail(err)
	}
	return &instance{engine: e, files: files, client: proc.Client, proc: proc}, nil
}
