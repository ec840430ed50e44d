package agent

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	streamProtocol = "patchlab-stream"
	// dialLimit ends a dial whose client gives no limit of its own: TCP
	// itself would try for two minutes.
	dialLimit = 30 * time.Second
)

// wantsStream refuses a request that is not for a stream.
func wantsStream(r *http.Request) error {
	if !strings.EqualFold(r.Header.Get("Upgrade"), streamProtocol) {
		return &APIError{
			Status: http.StatusUpgradeRequired, Code: CodeBadRequest,
			Message: fmt.Sprintf("this call needs the header %q", "Upgrade: "+streamProtocol),
		}
	}
	return nil
}

// dial connects the client with an address in the lab.
func (a *api) dial(w http.ResponseWriter, r *http.Request) error {
	if err := wantsStream(r); err != nil {
		return err
	}
	network, addr, err := a.target(r)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), dialLimit)
	defer cancel()
	conn, err := a.net.Dial(ctx, network, addr)
	if err != nil {
		return err
	}
	a.hijack(w, func(client net.Conn) { join(a.ctx, client, conn) }, func() { _ = conn.Close() })
	return nil
}

// target is where a dial goes: network and "host:port".
func (a *api) target(r *http.Request) (network, addr string, err error) {
	q := r.URL.Query()
	machine := q.Get("machine")
	if machine == "" {
		network, addr = q.Get("network"), q.Get("addr")
		if network == "" || addr == "" {
			return "", "", badRequest("dial needs network and addr, or machine and port")
		}
		if _, _, err := net.SplitHostPort(addr); err != nil {
			return "", "", badRequest("addr: %v", err)
		}
		return network, addr, nil
	}
	if a.spec.Load().Machine(machine) == nil {
		return "", "", fmt.Errorf("cannot dial machine %q: %w", machine, ErrUnknownMachine)
	}
	port, err := strconv.ParseUint(q.Get("port"), 10, 16)
	if err != nil || port == 0 {
		return "", "", badRequest("port %q is not a number from 1 to 65535", q.Get("port"))
	}
	network, ip, ok := a.net.Address(machine)
	if !ok || !ip.IsValid() {
		return "", "", &APIError{
			Status: http.StatusConflict, Code: CodeNoAddress,
			Message: fmt.Sprintf("machine %q has no address yet", machine),
		}
	}
	return network, net.JoinHostPort(ip.String(), strconv.FormatUint(port, 10)), nil
}

func (a *api) console(w http.ResponseWriter, r *http.Request) error {
	if err := wantsStream(r); err != nil {
		return err
	}
	c, ok := a.consoles[r.PathValue("name")]
	if !ok {
		return fmt.Errorf("cannot open the console of machine %q: %w", r.PathValue("name"), ErrUnknownMachine)
	}
	a.hijack(w, func(client net.Conn) { c.attach(a.ctx, client) }, func() {})
	return nil
}

// hijack answers that the connection is a stream from now on, and serves it in
// this goroutine. When that fails undo is called.
func (a *api) hijack(w http.ResponseWriter, serve func(net.Conn), undo func()) {
	conn, buf, err := http.NewResponseController(w).Hijack()
	if err != nil {
		undo()
		a.log.Error("cannot take a stream over", "error", err)
		answer(w, http.StatusInternalServerError, toAPIError(err))
		return
	}
	client := &bufferedConn{Conn: conn, r: buf.Reader}
	defer func() { _ = client.Close() }()
	_ = conn.SetDeadline(time.Time{})
	const head = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: " + streamProtocol + "\r\n\r\n"
	if _, err := io.WriteString(conn, head); err != nil {
		undo()
		return
	}
	serve(client)
}

// bufferedConn is a connection whose first bytes were read already.
type bufferedConn struct {
	net.Conn
	r *bufio.Reader
}

// Read implements net.Conn.
func (c *bufferedConn) Read(p []byte) (int, error) { return c.r.Read(p) }

// CloseWrite ends the writing half: the other side reads the end.
func (c *bufferedConn) CloseWrite() error { return closeWrite(c.Conn) }

// closeWrite half-closes c where it can be.
func closeWrite(c net.Conn) error {
	if h, ok := c.(interface{ CloseWrite() error }); ok {
		return h.CloseWrite()
	}
	return c.Close()
}

// join copies between two connections until both directions have ended, or
// ctx does, and closes both.
func join(ctx context.Context, a, b net.Conn) {
	closeBoth := func() {
		_ = a.Close()
		_ = b.Close()
	}
	defer closeBoth()
	stop := context.AfterFunc(ctx, closeBoth)
	defer stop()
	done := make(chan struct{})
	go func() {
		defer close(done)
		pass(a, b)
	}()
	pass(b, a)
	<-done
}

// pass copies from src to dst. The end of src is passed on; an error of either
// ends both ways, since nothing sensible can follow.
func pass(dst, src net.Conn) {
	if _, err := io.Copy(onlyWriter{dst}, onlyReader{src}); err != nil {
		_ = dst.Close()
		_ = src.Close()
		return
	}
	_ = closeWrite(dst)
}

// onlyWriter and onlyReader keep io.Copy from short cuts past bufferedConn.
type (
	onlyWriter struct{ io.Writer }
	onlyReader struct{ io.Reader }
)
