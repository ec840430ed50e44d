package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/patchlab/patchlab/lab"
)

// maxAnswer limits what a client reads, in bytes: a screenshot is the largest.
const maxAnswer = 64 << 20

// Client speaks to the agent of one instance. It holds no connection, and its
// methods may be called at the same time. Errors wrap ErrNoAgent when nobody
// answers, or are an *APIError.
type Client struct {
	socket string
	http   *http.Client
}

// NewClient returns a client for the agent on that socket: Spec.SocketPath.
func NewClient(socket string) *Client {
	c := &Client{socket: socket}
	c.http = &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return c.connect(ctx) },
	}}
	return c
}

func (c *Client) connect(ctx context.Context) (*net.UnixConn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "unix", c.socket)
	if errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ECONNREFUSED) {
		return nil, fmt.Errorf("%w: %s", ErrNoAgent, c.socket) // errno would look like the lab's
	}
	if err != nil {
		return nil, err
	}
	return conn.(*net.UnixConn), nil
}

// Status returns what the instance is doing, without what it occupies.
func (c *Client) Status(ctx context.Context) (*Status, error) { return c.status(ctx, "/v1/status") }

// Usage returns what the instance is doing, and the memory that it occupies.
func (c *Client) Usage(ctx context.Context) (*Status, error) {
	return c.status(ctx, "/v1/status?memory=1")
}

func (c *Client) status(ctx context.Context, path string) (*Status, error) {
	var s Status
	if err := c.call(ctx, http.MethodGet, path, nil, &s); err != nil {
		return nil, fmt.Errorf("cannot ask for the instance's status: %w", err)
	}
	return &s, nil
}

// Start starts a machine; one that runs already is ErrRunning.
func (c *Client) Start(ctx context.Context, machine string) error {
	return c.machine(ctx, machine, "start")
}

// Destroy ends a machine at once; one that does not run is no error.
func (c *Client) Destroy(ctx context.Context, machine string) error {
	return c.machine(ctx, machine, "destroy")
}

// Suspend stops a machine's processors.
func (c *Client) Suspend(ctx context.Context, machine string) error {
	return c.machine(ctx, machine, "suspend")
}

// Resume lets a suspended machine go on.
func (c *Client) Resume(ctx context.Context, machine string) error {
	return c.machine(ctx, machine, "resume")
}

func (c *Client) machine(ctx context.Context, name, verb string) error {
	return c.call(ctx, http.MethodPost, "/v1/machines/"+url.PathEscape(name)+"/"+verb, nil, nil)
}

// Screenshot returns a machine's display as PNG.
func (c *Client) Screenshot(ctx context.Context, machine string) ([]byte, error) {
	var img []byte
	err := c.call(ctx, http.MethodGet, "/v1/machines/"+url.PathEscape(machine)+"/screenshot", nil, &img)
	return img, err
}

// Egress returns what machines tried to reach outside the lab, most frequent
// first.
func (c *Client) Egress(ctx context.Context) ([]lab.EgressAttempt, error) {
	var all []lab.EgressAttempt
	err := c.call(ctx, http.MethodGet, "/v1/egress", nil, &all)
	return all, err
}

// DialNetwork connects to addr, "host:port", from a network's gateway. Names
// are resolved there. The connection has CloseWrite and deadlines.
func (c *Client) DialNetwork(ctx context.Context, network, addr string) (net.Conn, error) {
	return c.stream(ctx, "/v1/dial?"+url.Values{"network": {network}, "addr": {addr}}.Encode())
}

// DialMachine connects to a port of a machine at its first address, from the
// gateway there.
func (c *Client) DialMachine(ctx context.Context, machine string, port int) (net.Conn, error) {
	return c.stream(ctx, "/v1/dial?"+url.Values{"machine": {machine}, "port": {strconv.Itoa(port)}}.Encode())
}

// Console watches a machine's serial port, from now on, and types on it. The
// agent closes the connection of a reader that falls behind.
func (c *Client) Console(ctx context.Context, machine string) (net.Conn, error) {
	return c.stream(ctx, "/v1/machines/"+url.PathEscape(machine)+"/console")
}

// Shutdown makes the agent destroy its machines and end, and returns when its
// process is gone.
func (c *Client) Shutdown(ctx context.Context) error {
	conn, err := c.connect(ctx)
	if err != nil {
		return fmt.Errorf("cannot end the agent: %w", err)
	}
	cred, err := peerOf(conn)
	_ = conn.Close()
	if err != nil {
		return fmt.Errorf("cannot end the agent: %w", err)
	}
	fd, err := unix.PidfdOpen(int(cred.Pid), 0)
	if err != nil {
		return fmt.Errorf("cannot watch agent %d: %w", cred.Pid, err)
	}
	defer func() { _ = unix.Close(fd) }()
	if err := c.call(ctx, http.MethodPost, "/v1/shutdown", nil, nil); err != nil && !errors.Is(err, ErrClosed) {
		return fmt.Errorf("cannot end the agent: %w", err)
	}
	if err := waitPidfd(ctx, fd); err != nil {
		return fmt.Errorf("cannot wait for agent %d: %w", cred.Pid, err)
	}
	return nil
}

// call makes one request, with body in JSON unless it is nil. Into takes the
// answer: a *[]byte as it is, nil not at all, anything else from JSON.
func (c *Client) call(ctx context.Context, method, path string, body, into any) error {
	var content io.Reader = http.NoBody
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		content = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://agent"+path, content)
	if err != nil {
		return err
	}
	res, err := c.http.Do(req)
	if err != nil {
		if wrapped := (*url.Error)(nil); errors.As(err, &wrapped) {
			err = wrapped.Err // the URL is of no use to anybody
		}
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode >= http.StatusBadRequest {
		return readAPIError(res)
	}
	got := io.LimitReader(res.Body, maxAnswer)
	switch v := into.(type) {
	case nil:
		return nil
	case *[]byte:
		*v, err = io.ReadAll(got)
		return err
	}
	return json.NewDecoder(got).Decode(into)
}

func readAPIError(res *http.Response) error {
	e := &APIError{Status: res.StatusCode}
	if err := json.NewDecoder(io.LimitReader(res.Body, 64<<10)).Decode(e); err != nil {
		e.Code = CodeFailed
	}
	return e
}
