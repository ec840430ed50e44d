package agent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"syscall"

	"github.com/patchlab/patchlab/lab/network"
)

// Codes of APIError beside those in causes. They are part of the control API:
// never change one.
const (
	CodeBadRequest = "bad-request"
	CodeNotFound   = "not-found" // no such path
	CodeNoHost     = "no-such-host"
	CodeNoAddress  = "no-address" // the machine has none
	CodeFailed     = "failed"     // anything else
)

// causes are the errors that an agent's client can tell apart, with what they
// are on the wire. The first that fits is taken.
var causes = []struct {
	err    error
	code   string
	status int
}{
	{ErrUnknownMachine, "unknown-machine", http.StatusNotFound},
	{network.ErrUnknownNetwork, "unknown-network", http.StatusNotFound},
	{ErrNotRunning, "not-running", http.StatusConflict},
	{ErrRunning, "already-running", http.StatusConflict},
	{ErrBusy, "busy", http.StatusConflict},
	{ErrClosed, "stopping", http.StatusServiceUnavailable},
	{network.ErrOutside, "outside-lab", http.StatusForbidden},
	{network.ErrNotRouted, "not-routed", http.StatusForbidden},
	{syscall.ECONNREFUSED, "connection-refused", http.StatusBadGateway},
	{syscall.ECONNRESET, "connection-reset", http.StatusBadGateway},
	{syscall.EHOSTUNREACH, "host-unreachable", http.StatusBadGateway},
	{syscall.ENETUNREACH, "network-unreachable", http.StatusBadGateway},
	{syscall.ETIMEDOUT, "connection-timeout", http.StatusGatewayTimeout},
	{os.ErrDeadlineExceeded, "deadline", http.StatusGatewayTimeout},
	{context.DeadlineExceeded, "timeout", http.StatusGatewayTimeout},
	{context.Canceled, "canceled", http.StatusServiceUnavailable},
	{net.ErrClosed, "closed", http.StatusServiceUnavailable},
}

// APIError is what an agent answered instead of what it was asked for. It
// unwraps to the error a call in the agent's process would have given:
// ErrUnknownMachine, ErrNotRunning, ErrRunning, ErrBusy, ErrClosed, those of
// network.Stack.Dial with their errno or *net.DNSError, or nil.
type APIError struct {
	Status  int    `json:"-"` // of HTTP
	Code    string `json:"code"`
	Message string `json:"error"`
	Host    string `json:"host,omitempty"` // the name that CodeNoHost is about
}

// toAPIError finds the code and status of an error.
func toAPIError(err error) *APIError {
	var e *APIError
	if errors.As(err, &e) {
		return e
	}
	for _, c := range causes {
		if errors.Is(err, c.err) {
			return &APIError{Status: c.status, Code: c.code, Message: err.Error()}
		}
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return &APIError{Status: http.StatusBadGateway, Code: CodeNoHost, Message: err.Error(), Host: dns.Name}
	}
	return &APIError{Status: http.StatusInternalServerError, Code: CodeFailed, Message: err.Error()}
}

// Error returns the agent's own words.
func (e *APIError) Error() string {
	if e.Message == "" {
		return fmt.Sprintf("the agent answered with status %d", e.Status)
	}
	return e.Message
}

// Unwrap returns the error that Code stands for, or nil.
func (e *APIError) Unwrap() error {
	if e.Code == CodeNoHost {
		return &net.DNSError{Err: "no such host", Name: e.Host, IsNotFound: true}
	}
	for _, c := range causes {
		if e.Code == c.code {
			return c.err
		}
	}
	return nil
}

// Timeout reports whether waiting was given up, as net.Error has it.
func (e *APIError) Timeout() bool { return e.Status == http.StatusGatewayTimeout }

// Temporary is always false; it completes net.Error.
func (e *APIError) Temporary() bool { return false }
