package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/patchlab/patchlab/lab"
)

// api serves the control API: see the package's documentation.
type api struct {
	spec     atomic.Pointer[Spec] // what it points to never changes
	hv       Hypervisor
	net      Net
	consoles map[string]*console
	started  time.Time
	log      *slog.Logger
	shutdown func() // ends the agent; may be called again

	ctx context.Context // ends when streams and waiting requests must

	// changing is held by a call that changes all machines; those that start,
	// suspend or resume one machine share it.
	changing sync.RWMutex

	mu       sync.Mutex
	stopping bool
	requests sync.WaitGroup // streams among them
}

// enter counts a request in, or refuses it because the agent ends.
func (a *api) enter() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stopping {
		return ErrClosed
	}
	a.requests.Add(1)
	return nil
}

// drain refuses further requests and waits for those that run, at most limit.
// The caller has ended ctx.
func (a *api) drain(limit time.Duration) error {
	a.mu.Lock()
	a.stopping = true
	a.mu.Unlock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		a.requests.Wait()
	}()
	select {
	case <-done:
		return nil
	case <-time.After(limit):
		return fmt.Errorf("requests still run after %v", limit)
	}
}

// machineLimit is how long a machine may take to start or end.
const machineLimit = 2 * time.Minute

// maxBody is more than any request needs, in bytes.
const maxBody = 1 << 20

// handler routes requests. What a handler returns as error is answered in
// JSON, as every other answer but pictures and streams.
func (a *api) handler() http.Handler {
	mux := http.NewServeMux()
	for pattern, h := range map[string]func(http.ResponseWriter, *http.Request) error{
		"GET /v1/status":                     a.status,
		"POST /v1/start":                     a.startMachines,
		"POST /v1/suspend":                   a.suspendMachines,
		"POST /v1/resume":                    a.resumeMachines,
		"POST /v1/freeze":                    a.freezeMachines,
		"POST /v1/replace":                   a.replaceMachines,
		"POST /v1/machines/{name}/start":     a.onMachine(a.shared(a.start)),
		"POST /v1/machines/{name}/destroy":   a.onMachine(a.hv.Destroy),
		"POST /v1/machines/{name}/suspend":   a.onMachine(a.shared(a.hv.Suspend)),
		"POST /v1/machines/{name}/resume":    a.onMachine(a.shared(a.hv.Resume)),
		"GET /v1/machines/{name}/screenshot": a.screenshot,
		"GET /v1/machines/{name}/console":    a.console,
		"GET /v1/egress":                     a.egress,
		"GET /v1/dial":                       a.dial,
		"GET /v1/dial-udp":                   a.dialUDP,
		"GET /v1/ping":                       a.ping,
		"POST /v1/shutdown":                  a.stop,
		"/":                                  unknownPath,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if err := a.enter(); err != nil {
				a.fail(w, r, err)
				return
			}
			defer a.requests.Done()
			r.Body = http.MaxBytesReader(w, r.Body, maxBody)
			if err := h(w, r); err != nil {
				a.fail(w, r, err)
			}
		})
	}
	return mux
}

func (a *api) fail(w http.ResponseWriter, r *http.Request, err error) {
	e := toAPIError(err)
	if e.Status == http.StatusInternalServerError {
		a.log.Error("request failed", "method", r.Method, "path", r.URL.Path, "error", err)
	}
	answer(w, e.Status, e)
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client went away
}

func unknownPath(_ http.ResponseWriter, r *http.Request) error {
	return &APIError{
		Status: http.StatusNotFound, Code: CodeNotFound,
		Message: fmt.Sprintf("no such call: %s %q", r.Method, r.URL.Path),
	}
}

func badRequest(format string, args ...any) error {
	return &APIError{Status: http.StatusBadRequest, Code: CodeBadRequest, Message: fmt.Sprintf(format, args...)}
}

func (a *api) start(ctx context.Context, name string) error {
	m := a.spec.Load().Machine(name)
	if m == nil {
		return fmt.Errorf("cannot start machine %q: %w", name, ErrUnknownMachine)
	}
	return a.hv.Start(ctx, *m)
}

// shared refuses f while a call changes all machines.
func (a *api) shared(f func(context.Context, string) error) func(context.Context, string) error {
	return func(ctx context.Context, name string) error {
		if !a.changing.TryRLock() {
			return ErrBusy
		}
		defer a.changing.RUnlock()
		return f(ctx, name)
	}
}

// onMachine makes f, which does something to the machine in the path, a
// handler. It is not left half done because the client goes away.
func (a *api) onMachine(f func(context.Context, string) error) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		name := r.PathValue("name")
		started := time.Now()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), machineLimit)
		defer cancel()
		err := f(ctx, name)
		a.log.Info("request", "path", r.URL.Path, "seconds", time.Since(started).Seconds(), "error", err)
		if err != nil {
			return err
		}
		answer(w, http.StatusOK, struct{}{})
		return nil
	}
}

func (a *api) screenshot(w http.ResponseWriter, r *http.Request) error {
	img, err := a.hv.Screenshot(r.Context(), r.PathValue("name"))
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "image/png")
	_, _ = w.Write(img) //nolint:gosec // a picture, and no browser reads it
	return nil
}

func (a *api) egress(w http.ResponseWriter, _ *http.Request) error {
	all := a.net.Egress()
	if all == nil {
		all = []lab.EgressAttempt{}
	}
	answer(w, http.StatusOK, all)
	return nil
}

func (a *api) stop(w http.ResponseWriter, _ *http.Request) error {
	answer(w, http.StatusAccepted, struct{}{})
	if err := http.NewResponseController(w).Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		a.log.Debug("cannot answer to shutdown", "error", err)
	}
	a.shutdown()
	return nil
}
