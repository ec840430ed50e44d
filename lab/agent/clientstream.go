package agent

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// stream asks for a stream and returns its connection. ctx bounds the asking,
// not the stream.
func (c *Client) stream(ctx context.Context, path string) (net.Conn, error) {
	conn, err := c.connect(ctx)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	s, err := upgrade(conn, path)
	if !stop() && err == nil {
		err = ctx.Err() // the deadline may have been set
	}
	if err == nil {
		return s, nil
	}
	_ = conn.Close()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return nil, err
}

func upgrade(conn *net.UnixConn, path string) (net.Conn, error) {
	req, err := http.NewRequest(http.MethodGet, "http://agent"+path, http.NoBody) //nolint:noctx // see stream
	if err != nil {
		return nil, err
	}
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", streamProtocol)
	if err := req.Write(conn); err != nil {
		return nil, err
	}
	r := bufio.NewReader(conn)
	res, err := http.ReadResponse(r, req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode == http.StatusSwitchingProtocols {
		return &bufferedConn{Conn: conn, r: r}, nil
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode < http.StatusBadRequest {
		return nil, errors.Join(errors.New("the agent did not open a stream"), fmt.Errorf("status %s", res.Status))
	}
	return nil, readAPIError(res)
}
