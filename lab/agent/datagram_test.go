package agent_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/patchlab/patchlab/lab/agent"
	"github.com/patchlab/patchlab/lab/network"
)

func TestDatagrams(t *testing.T) {
	s := serveAPI(t)
	c, err := s.client.DialUDP(t.Context(), "office", "echo:7")
	noError(t, err)
	defer func() { _ = c.Close() }()
	buf := make([]byte, 65507)
	for _, size := range []int{1, 0, 65507, 1400} {
		want := bytes.Repeat([]byte{byte(size)}, size)
		if n, err := c.Write(want); n != size || err != nil {
			t.Fatalf("wrote %d, %v", n, err)
		}
		if n, err := c.Read(buf); !bytes.Equal(buf[:n], want) || err != nil {
			t.Errorf("%d bytes came back, %v; want %d", n, err, size)
		}
	}
	if _, err := c.Write(make([]byte, 65508)); !errors.Is(err, syscall.EMSGSIZE) {
		t.Errorf("too long: %v", err)
	}
	_, err = c.Write([]byte("long"))
	noError(t, err)
	if n, err := c.Read(buf[:2]); n != 2 || err != nil {
		t.Errorf("short read: %d, %v", n, err)
	}
	_, err = c.Write([]byte("next"))
	noError(t, err)
	if n, err := c.Read(buf); string(buf[:n]) != "next" || err != nil {
		t.Errorf("after a short read: %q, %v", buf[:n], err)
	}
	noError(t, c.SetReadDeadline(time.Unix(1, 0)))
	var timeout net.Error
	if _, err := c.Read(buf); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("past the deadline: %v", err)
	}
}

func TestDatagramsRefused(t *testing.T) {
	s := serveAPI(t)
	c, err := s.client.DialUDP(t.Context(), "office", "refuses:1")
	noError(t, err)
	defer func() { _ = c.Close() }()
	_, err = c.Write([]byte("x"))
	noError(t, err)
	for range 2 {
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("error %v", err)
		}
	}
	for _, tt := range []struct {
		network, addr string
		want          error
	}{{"lan", "echo:7", network.ErrUnknownNetwork}, {"office", "outside:1", network.ErrOutside}} {
		if _, err := s.client.DialUDP(t.Context(), tt.network, tt.addr); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.addr, err, tt.want)
		}
	}
}

func TestDatagramsEndWithAgent(t *testing.T) {
	s := serveAPI(t)
	c, err := s.client.DialUDP(t.Context(), "office", "echo:7")
	noError(t, err)
	defer func() { _ = c.Close() }()
	noError(t, s.stop())
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("error %v", err)
	}
}

// A client that does not keep to the framing loses its own connection.
func TestDatagramTooLong(t *testing.T) {
	s := serveAPI(t)
	conn, err := net.Dial("unix", s.spec.SocketPath())
	noError(t, err)
	defer func() { _ = conn.Close() }()
	_, err = io.WriteString(conn, "GET /v1/dial-udp?network=office&addr=echo:7 HTTP/1.1\r\nHost: agent\r\nConnection: Upgrade\r\nUpgrade: patchlab-stream\r\n\r\n")
	noError(t, err)
	_, err = conn.Write(binary.BigEndian.AppendUint16(nil, 65508))
	noError(t, err)
	got, _ := io.ReadAll(conn)
	if !strings.HasPrefix(string(got), "HTTP/1.1 101 ") || !strings.HasSuffix(string(got), "\r\n\r\n") {
		t.Errorf("answer %q", got)
	}
}

func TestPing(t *testing.T) {
	s := serveAPI(t)
	answered, fastest, err := s.client.Ping(t.Context(), "office", "web", 3)
	if answered != 2 || fastest != time.Millisecond || err != nil {
		t.Errorf("%d, %v, %v", answered, fastest, err)
	}
	if _, _, err := s.client.Ping(t.Context(), "lan", "web", 1); !errors.Is(err, network.ErrUnknownNetwork) {
		t.Errorf("unknown network: %v", err)
	}
	for _, count := range []int{0, -1, network.MaxPings + 1} {
		var e *agent.APIError
		if _, _, err := s.client.Ping(t.Context(), "office", "web", count); !errors.As(err, &e) || e.Status != 400 {
			t.Errorf("count %d: %v", count, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, cancel)
	if _, _, err := s.client.Ping(ctx, "office", "hangs", 1); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
	time.AfterFunc(10*time.Millisecond, func() { _ = s.stop() })
	if _, _, err := s.client.Ping(t.Context(), "office", "hangs", 1); err == nil {
		t.Error("a ping outlived the agent")
	}
}

// The real networks keep the interface's promises: the gateway reaches itself.
func TestRealGateway(t *testing.T) {
	stack, err := network.New([]network.Config{{
		Name: "office", Subnet: netip.MustParsePrefix("192.168.1.0/24"), Gateway: netip.MustParseAddr("192.168.1.1"), Domain: "harbour.lan", MTU: 1500,
	}}, nil)
	noError(t, err)
	defer func() { noError(t, stack.Close()) }()
	var n agent.Net = stack
	if answered, _, err := n.Ping(t.Context(), "office", "192.168.1.1", 2); answered != 2 || err != nil {
		t.Errorf("ping: %d, %v", answered, err)
	}
}
