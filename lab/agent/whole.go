package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// wholeLimit is how long a call for all machines may take: copies of RAM files
// among them.
const wholeLimit = 30 * time.Minute

// bodyLimit is how long a request's body may take to arrive.
const bodyLimit = 10 * time.Second

// whole does f, which changes all machines of the instance, and answers. Only
// one such call runs at a time. It is not left half done because the client
// goes away, but ends with the agent.
func (a *api) whole(w http.ResponseWriter, r *http.Request, f func(context.Context) error) error {
	if !a.changing.TryLock() {
		return ErrBusy
	}
	defer a.changing.Unlock()
	started := time.Now()
	ctx, cancel := context.WithTimeout(a.ctx, wholeLimit)
	defer cancel()
	err := f(ctx)
	a.log.Info("request", "path", r.URL.Path, "seconds", time.Since(started).Seconds(), "error", err)
	if err != nil {
		return err
	}
	answer(w, http.StatusOK, struct{}{})
	return nil
}

// decode reads a request's body, one JSON value.
func decode(w http.ResponseWriter, r *http.Request, into any) error {
	rc := http.NewResponseController(w)
	_ = rc.SetReadDeadline(time.Now().Add(bodyLimit)) // every real connection has them
	b, err := io.ReadAll(r.Body)
	_ = rc.SetReadDeadline(time.Time{})
	if err == nil {
		err = json.Unmarshal(b, into)
	}
	if err != nil {
		return badRequest("body: %v", err)
	}
	return nil
}

func (a *api) startMachines(w http.ResponseWriter, r *http.Request) error {
	return a.whole(w, r, a.startAll)
}

func (a *api) suspendMachines(w http.ResponseWriter, r *http.Request) error {
	return a.whole(w, r, func(ctx context.Context) error {
		_, err := a.suspendAll(ctx)
		return err
	})
}

func (a *api) resumeMachines(w http.ResponseWriter, r *http.Request) error {
	return a.whole(w, r, func(ctx context.Context) error {
		paused, err := a.which(ctx, suspended)
		if err != nil {
			return err
		}
		return each(ctx, paused, a.hv.Resume)
	})
}

// startAll starts what does not run; what is loaded goes on in the same
// moment. On error none of it is left.
func (a *api) startAll(ctx context.Context) (err error) {
	spec := a.spec.Load()
	off, err := a.which(ctx, func(s State) bool { return !alive(s) })
	if err != nil {
		return err
	}
	var mu sync.Mutex
	var mine []string // also those whose start failed: it may have got somewhere
	defer func() {
		if err == nil {
			return
		}
		cleanup, cancel := context.WithTimeout(context.WithoutCancel(ctx), machineLimit)
		defer cancel()
		err = afterwards(err, each(cleanup, mine, a.hv.Destroy))
	}()
	err = each(ctx, off, func(ctx context.Context, name string) error {
		err := a.hv.Start(ctx, *spec.Machine(name))
		if !errors.Is(err, ErrRunning) {
			mu.Lock()
			defer mu.Unlock()
			mine = append(mine, name)
		}
		return err
	})
	if err != nil {
		return err
	}
	var loaded []string
	for _, name := range off {
		if spec.Machine(name).State != "" {
			loaded = append(loaded, name)
		}
	}
	return each(ctx, loaded, a.hv.Resume)
}

// suspendAll stops all machines that run, and says which. When one cannot be
// stopped, the others go on.
func (a *api) suspendAll(ctx context.Context) ([]string, error) {
	names, err := a.which(ctx, func(s State) bool { return s.State == "running" })
	if err != nil {
		return nil, err
	}
	if err := each(ctx, names, a.hv.Suspend); err != nil {
		cleanup, cancel := context.WithTimeout(context.WithoutCancel(ctx), machineLimit)
		defer cancel()
		return nil, afterwards(err, each(cleanup, names, a.hv.Resume))
	}
	return names, nil
}

// which returns the machines whose state is as wanted.
func (a *api) which(ctx context.Context, wanted func(State) bool) ([]string, error) {
	var names []string
	for _, m := range a.spec.Load().Machines {
		s, err := a.hv.State(ctx, m.Name)
		if err != nil {
			return nil, err
		}
		if wanted(s) {
			names = append(names, m.Name)
		}
	}
	return names, nil
}

func alive(s State) bool { return s.State == "running" || s.State == "paused" }

// suspended is whether somebody stopped a machine, and not a fault.
func suspended(s State) bool {
	return s.State == "paused" && s.Reason != "io-error" && s.Reason != "panicked"
}

// each calls f for all machines side by side, and returns the errors in their
// order.
func each(ctx context.Context, names []string, f func(context.Context, string) error) error {
	return side(len(names), func(i int) error {
		ctx, cancel := context.WithTimeout(ctx, machineLimit)
		defer cancel()
		return f(ctx, names[i])
	})
}

// side calls f for the numbers below n side by side, and returns the errors in
// their order.
func side(n int, f func(i int) error) error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i] = f(i) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// afterwards adds what went wrong in cleaning up to err, which stays the
// cause.
func afterwards(err, cleaning error) error {
	if cleaning == nil {
		return err
	}
	return fmt.Errorf("%w; and afterwards: %s", err, cleaning.Error())
}
