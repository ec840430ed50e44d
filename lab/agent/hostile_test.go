package agent_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/patchlab/patchlab/lab/agent"
)

func sameAddr(a, b netip.Addr) bool { return a == b }

func samePrefix(a, b netip.Prefix) bool { return a == b }

// post is a request with a body.
func post(path, body string) string {
	return "POST " + path + " HTTP/1.1\r\nHost: x\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body
}

// exchange writes raw bytes to the API, ends its side and returns all that
// comes back.
func exchange(t testing.TB, spec *agent.Spec, raw string) string {
	t.Helper()
	c, err := net.Dial("unix", spec.SocketPath())
	noError(t, err)
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	_, _ = io.WriteString(c, raw) // the agent may have hung up
	_ = c.(*net.UnixConn).CloseWrite()
	b, _ := io.ReadAll(c)
	return string(b)
}

func request(t testing.TB, spec *agent.Spec, raw string) *http.Response {
	t.Helper()
	res, err := http.ReadResponse(bufio.NewReader(strings.NewReader(exchange(t, spec, raw))), nil)
	noError(t, err)
	return res
}

func TestHostileRequests(t *testing.T) {
	s := serveAPI(t)
	for _, c := range []struct {
		name, raw string
		status    int
	}{
		{"unknown path", "GET /v2/status HTTP/1.1\r\nHost: x\r\n\r\n", 404},
		{"wrong method", "DELETE /v1/status HTTP/1.1\r\nHost: x\r\n\r\n", 404},
		{"no HTTP", "\x00\x01\x02\r\n\r\n", 400},
		{"no host", "GET /v1/status HTTP/1.1\r\n\r\n", 400},
		{"huge header", "GET /v1/status HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 1<<20) + "\r\n\r\n", 431},
		{"huge path", "GET /v1/" + strings.Repeat("x", 1<<20) + " HTTP/1.1\r\nHost: x\r\n\r\n", 431},
		{"escaped machine", "POST /v1/machines/%2e%2e%2fa%00/start HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", 404},
		{"other upgrade", "GET /v1/dial?machine=a&port=22 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 426},
		{"negative port", "GET /v1/dial?machine=a&port=-1 HTTP/1.1\r\nHost: x\r\nUpgrade: patchlab-stream\r\n\r\n", 400},
		{"large body", "POST /v1/machines/nobody/start HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n\r\n" + strings.Repeat("x", 100000), 404},
		{"freeze without body", post("/v1/freeze", ""), 400},
		{"freeze what is not JSON", post("/v1/freeze", "\x00\xff{"), 400},
		{"freeze two values", post("/v1/freeze", "{}{}"), 400},
		{"freeze of other types", post("/v1/freeze", `{"machines":"a","resume":1}`), 400},
		{"freeze null", post("/v1/freeze", "null"), 400},
		{"freeze nothing", post("/v1/freeze", `{"machines":[],"resume":true}`), 400},
		{"freeze nobody", post("/v1/freeze", `{"machines":[{"machine":"../a","state":"/x"}]}`), 404},
		{"freeze to /etc", post("/v1/freeze", `{"machines":[{"machine":"a","state":"/etc/patchlab"}]}`), 400},
		{"freeze body that ends early", "POST /v1/freeze HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{", 400},
		{"freeze huge body", post("/v1/freeze", `{"machines":[`+strings.Repeat(`{},`, 1<<19)+`{}]}`), 400},
		{"freeze deep body", post("/v1/freeze", strings.Repeat("[", 100_000)), 400},
		{"replace without body", post("/v1/replace", ""), 400},
		{"replace with nothing", post("/v1/replace", `{"machines":[{},{}]}`), 400},
		{"replace with null", post("/v1/replace", `{"machines":[null,null]}`), 400},
		{"replace numbers out of range", post("/v1/replace", `{"machines":[{"memory_mib":1e99}]}`), 400},
		{"get freeze", "GET /v1/freeze HTTP/1.1\r\nHost: x\r\n\r\n", 404},
	} {
		t.Run(c.name, func(t *testing.T) {
			if res := request(t, s.spec, c.raw); res.StatusCode != c.status {
				t.Errorf("status %d, want %d", res.StatusCode, c.status)
			}
		})
	}
	if _, err := s.client.Status(t.Context()); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestSocketsAreClosedToOthers(t *testing.T) {
	s := serveAPI(t)
	m := s.spec.Machines[0]
	for _, path := range []string{s.spec.SocketPath(), m.ConsoleSocket, m.NICs[0].Socket, m.ConsoleLog} {
		info, err := os.Stat(path)
		noError(t, err)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v", path, info.Mode())
		}
	}
}

func FuzzAPI(f *testing.F) {
	s := serveAPI(f)
	machines, err := json.Marshal(map[string]any{"machines": s.spec.Machines})
	noError(f, err)
	for _, raw := range []string{
		"GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST /v1/machines/a/start HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST /v1/machines/a/destroy HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
		"GET /v1/machines/a/screenshot HTTP/1.0\r\n\r\n",
		"GET /v1/machines/a/console HTTP/1.1\r\nHost: x\r\nUpgrade: patchlab-stream\r\n\r\n\r\rroot\r",
		"GET /v1/dial?network=office&addr=echo:7 HTTP/1.1\r\nHost: x\r\nUpgrade: patchlab-stream\r\n\r\nhello",
		"GET /v1/dial?machine=a&port=22&machine=b HTTP/1.1\r\nHost: x\r\nUpgrade: patchlab-stream\r\n\r\n",
		"GET /v1/egress HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
		"POST /v1/shutdown HTTP/1.1\r\nHost: x\r\n\r\nGET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n",
		post("/v1/start", ""),
		post("/v1/suspend", ""),
		post("/v1/resume", "{}"),
		post("/v1/replace", string(machines)),
		post("/v1/freeze", `{"machines":[{"machine":"a","state":"`+s.path("a.state")+`","copies":[{"from":"`+
			s.path("a.log")+`","to":"`+s.path("copy")+`"}]}],"resume":true}`),
		post("/v1/freeze", `{"machines":[{"machine":"a","state":"`+s.path("../a.state")+`"}]}`),
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	} {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if strings.Contains(string(raw), "hangs") {
			t.Skip("waits for its limit")
		}
		got := exchange(t, s.spec, string(raw))
		if strings.HasPrefix(got, "HTTP/1.1 500") {
			t.Errorf("%q gave %q", raw, got)
		}
		if _, err := s.client.Egress(t.Context()); err != nil {
			t.Errorf("after %q: %v", raw, err)
		}
	})
}
