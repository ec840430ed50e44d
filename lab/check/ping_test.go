package check

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/patchlab/patchlab/lab"
)

// shell is a machine whose commands this host's sh runs, with programs of the
// test in front of its own.
func shell(t *testing.T, programs map[string]string) *machine {
	t.Helper()
	bin := t.TempDir()
	for name, text := range programs {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return &machine{run: func(ctx context.Context, c lab.Command) (lab.Output, error) {
		cmd := exec.CommandContext(ctx, "/bin/sh", "-c", c.Shell)
		path := bin
		if programs["only"] == "" {
			path += ":" + os.Getenv("PATH")
		}
		cmd.Env = []string{"PATH=" + path}
		var stdout, stderr strings.Builder
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		if c.Stdout != nil {
			cmd.Stdout = io.MultiWriter(&stdout, c.Stdout)
		}
		err := cmd.Run()
		if ctx.Err() != nil {
			return lab.Output{}, ctx.Err()
		}
		if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
			return lab.Output{}, exit
		}
		return lab.Output{ExitCode: cmd.ProcessState.ExitCode(), Stdout: []byte(stdout.String()), Stderr: []byte(stderr.String())}, nil
	}}
}

const (
	iputils = "PING 10.9.0.5 (10.9.0.5) 56(84) bytes of data.\n64 bytes from 10.9.0.5: icmp_seq=1 ttl=64 time=0.512 ms\n\n--- 10.9.0.5 ping statistics ---\n" +
		"3 packets transmitted, 2 received, +1 duplicates, 33.3333% packet loss, time 2003ms\nrtt min/avg/max/mdev = 0.498/0.512/0.530/0.010 ms\n"
	busybox  = "--- 10.9.0.5 ping statistics ---\n3 packets transmitted, 3 packets received, 0% packet loss\nround-trip min/avg/max = 1.250/1.300/1.400 ms\n"
	silence3 = "--- 10.9.0.5 ping statistics ---\n3 packets transmitted, 0 received, +3 errors, 100% packet loss, time 2040ms\npipe 3\n"
)

func TestPingFromMachine(t *testing.T) {
	upTo := func(n float64) lab.Range { return lab.Range{Max: &n} }
	for name, c := range map[string]struct {
		prints  string
		loss    lab.Range
		passed  bool
		message string
	}{
		"answers":    {busybox, lab.Range{}, true, "3 of 3 answered, 0 % lost, fastest 1.25ms"},
		"one lost":   {iputils, lab.Range{}, false, "2 of 3 answered: 33.3 % lost, want at most 0"},
		"one may be": {iputils, upTo(50), true, "2 of 3 answered, 33.3 % lost, fastest 500µs"},
		"silence":    {silence3, lab.Range{}, false, "0 of 3 answered: 100 % lost, want at most 0"},
		"as wanted":  {silence3, at(100), true, "0 of 3 answered, 100 % lost"},
		"no name":    {"ping: $(touch x): Name or service not known\n", lab.Range{}, false, "desk cannot ping $(touch x): ping: $(touch x): Name or service not known"},
		"nothing":    {"", lab.Range{}, false, "desk cannot ping $(touch x): it says nothing"},
		"hostile":    {"999999999 packets transmitted, 3 received\n", lab.Range{}, false, "desk cannot ping $(touch x): 999999999 packets transmitted, 3 received"},
		"none sent":  {"0 packets transmitted, 0 received\n", lab.Range{}, false, "desk cannot ping $(touch x): 0 packets transmitted, 0 received"},
		"too many":   {"3 packets transmitted, 9 received\n", lab.Range{}, true, "3 of 3 answered, 0 % lost"},
	} {
		t.Run(name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "out")
			if err := os.WriteFile(out, []byte(c.prints), 0o600); err != nil {
				t.Fatal(err)
			}
			m := shell(t, map[string]string{"ping": `[ "$*" = '-n -c 3 -W 3 -- $(touch x)' ] && cat ` + out + ` || echo "$*"; exit 1`})
			want(t, make1(t, &lab.PingCheck{Host: "$(touch x)", Count: 3, Loss: c.loss}, m, long), c.passed, c.message)
		})
	}
	none := shell(t, map[string]string{"only": "1"})
	want(t, make1(t, &lab.PingCheck{Host: "web"}, none, long), false, "desk has no ping")
}

// pinging is a gateway.
type pinging struct {
	machine
	answered int
	err      error
}

func (p *pinging) Ping(_ context.Context, host string, count int) (int, time.Duration, error) {
	if host != "web" || count != 3 {
		return 0, 0, errors.New("asked for " + host)
	}
	return p.answered, 1500 * time.Microsecond, p.err
}

func TestPingFromGateway(t *testing.T) {
	c := &lab.Check{FromNet: &lab.Network{Name: "office"}, Timeout: long, Spec: &lab.PingCheck{Host: "web"}}
	for _, tt := range []struct {
		gateway lab.Dialer
		passed  bool
		message string
	}{
		{&pinging{answered: 3}, true, "3 of 3 answered, 0 % lost, fastest 1.5ms"},
		{&pinging{answered: 1}, false, "1 of 3 answered: 66.7 % lost, want at most 0"},
		{&pinging{err: errors.New("no such host")}, false, "cannot ping web from the gateway of office: no such host"},
		{&machine{}, false, "the gateway cannot ping"},
	} {
		want(t, Runner{}.RunCheck(t.Context(), c, lab.Place{Dialer: tt.gateway}), tt.passed, tt.message)
	}
}

func TestPingFromWindows(t *testing.T) {
	script := windowsPing("a'b", 3)
	if !strings.Contains(script, "'a''b'") {
		t.Error(script)
	}
	got, ok := parsePing("3 packets transmitted, 2 received\nrtt min = 7/")
	if !ok || got != (echoes{3, 2, 7 * time.Millisecond}) {
		t.Errorf("%+v", got)
	}
}

// udpServer answers each datagram with what answer makes of it.
func udpServer(t *testing.T, answer func([]byte) []string) *net.UDPAddr {
	t.Helper()
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, maxDatagram)
		for {
			n, from, err := c.ReadFromUDP(buf)
			if err != nil {
				return
			}
			for _, a := range answer(buf[:n]) {
				_, _ = c.WriteToUDP([]byte(a), from)
			}
		}
	}()
	t.Cleanup(func() { _ = c.Close(); <-done })
	return c.LocalAddr().(*net.UDPAddr)
}

func TestUDP(t *testing.T) {
	const binary = "\x00\xff\r\n'$(x)\x80"
	echo := udpServer(t, func(b []byte) []string { return []string{string(b)} })
	two := udpServer(t, func([]byte) []string { return []string{"late answer to another", "pong"} })
	silent := udpServer(t, func([]byte) []string { return nil })
	for name, c := range map[string]struct {
		port    int
		send    string
		expect  lab.Match
		passed  bool
		message string // its beginning
	}{
		"any answer":  {echo.Port, "x", lab.Match{}, true, "ADDR answers"},
		"binary":      {echo.Port, binary, lab.Match{Equals: binary}, true, "ADDR answers, answer is "},
		"large":       {echo.Port, strings.Repeat("x", 9000), lab.Match{Regexp: "^x{900}"}, true, "ADDR answers, answer matches"},
		"the second":  {two.Port, "ping", lab.Match{Equals: "pong"}, true, `ADDR answers, answer is "pong"`},
		"wrong":       {two.Port, "ping", lab.Match{Equals: "pang"}, false, ""},
		"no answer":   {silent.Port, "ping", lab.Match{}, false, ""},
		"no answer 2": {silent.Port, "ping", lab.Match{Contains: "x"}, false, ""},
	} {
		for from, m := range map[string]*machine{"machine": shell(t, nil), "gateway": nil} {
			t.Run(name+" from "+from, func(t *testing.T) {
				spec := &lab.UDPCheck{Host: "127.0.0.1", Port: c.port, Send: c.send, Expect: c.expect}
				timeout := long
				if !c.passed {
					timeout = 1500 * time.Millisecond
				}
				res := make1(t, spec, m, timeout)
				res.Message = strings.ReplaceAll(res.Message, (&net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: c.port}).String(), "ADDR")
				switch {
				case res.Passed != c.passed || !strings.HasPrefix(res.Message, c.message):
					t.Errorf("passed %t, %q; want %t, %q", res.Passed, res.Message, c.passed, c.message)
				case name == "wrong" && !strings.Contains(res.Message, `answer is "pong", want "pang"`):
					t.Errorf("message %q", res.Message)
				case strings.HasPrefix(name, "no answer") && !strings.Contains(res.Message, "no answer from ADDR"):
					t.Errorf("message %q", res.Message)
				}
			})
		}
	}
	none := shell(t, map[string]string{"only": "1", "timeout": "", "base64": "", "dd": ""})
	want(t, make1(t, &lab.UDPCheck{Host: "web", Port: 1, Send: "x"}, none, long), false, "desk has no bash, which sends the datagram")
	res := make1(t, &lab.UDPCheck{Host: "nowhere.invalid", Port: 1, Send: "x"}, shell(t, nil), long)
	if res.Passed || !strings.Contains(res.Message, "nowhere.invalid") {
		t.Errorf("passed %t, %q", res.Passed, res.Message)
	}
}

func TestUDPFromWindows(t *testing.T) {
	script := windowsUDP(&lab.UDPCheck{Host: "we'b", Port: 7, Send: "x\x00"}, time.Second)
	for _, part := range []string{"'we''b', 7", "'eAA='", "ReceiveTimeout = 1000\n"} {
		if !strings.Contains(script, part) {
			t.Errorf("no %s in %s", part, script)
		}
	}
}
