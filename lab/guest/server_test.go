package guest

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"github.com/patchlab/patchlab/lab"
)

// server is a machine's SSH server in this process. Commands are given to
// answer, or run for real by /bin/sh as sshd does.
type server struct {
	t        *testing.T
	listener net.Listener
	hostKey  ssh.Signer
	// answer handles a command; false leaves it to /bin/sh. Its channel is
	// closed afterwards.
	answer func(c *serverConn, command string, ch ssh.Channel) bool
	files  *sftp.Handlers             // what SFTP serves; nil: this host's files
	deaf   atomic.Bool                // answers no global requests
	only   atomic.Pointer[ssh.Config] // the algorithms it knows; nil: all

	dials   atomic.Int32
	open    atomic.Int32 // sessions
	maxOpen atomic.Int32
	wg      sync.WaitGroup

	mu    sync.Mutex
	conns map[*serverConn]bool
}

type serverConn struct {
	*ssh.ServerConn
	raw net.Conn
}

func newSigner(t testing.TB) ssh.Signer {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// newServer starts a server that ends with the test.
func newServer(t *testing.T) *server {
	t.Helper()
	return newServerWithKey(t, newSigner(t))
}

func newServerWithKey(t *testing.T, hostKey ssh.Signer) *server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, listener: l, hostKey: hostKey, conns: map[*serverConn]bool{}}
	s.wg.Go(s.accept)
	t.Cleanup(func() {
		_ = l.Close()
		s.hangUp()
		s.wg.Wait()
	})
	return s
}

// guest returns a guest of s with short intervals.
func (s *server) guest(change func(*Config)) *Guest {
	s.t.Helper()
	console := filepath.Join(s.t.TempDir(), "console.log")
	if err := os.WriteFile(console, []byte("Booting\nweb login: \n"), 0o600); err != nil {
		s.t.Fatal(err)
	}
	cfg := Config{
		Machine:        &lab.Machine{Name: "web", Image: &lab.Image{OS: lab.Linux}, BootTimeout: 20 * time.Second},
		User:           "root",
		Signer:         newSigner(s.t),
		HostKey:        s.hostKey.PublicKey(),
		ConsoleLog:     console,
		ReconnectLimit: 20 * time.Second,
		Dial: func(ctx context.Context) (net.Conn, error) {
			s.dials.Add(1)
			return new(net.Dialer).DialContext(ctx, "tcp", s.listener.Addr().String())
		},
	}
	if change != nil {
		change(&cfg)
	}
	g := New(cfg)
	g.limits.poll, g.limits.quiet = 5*time.Millisecond, 300*time.Millisecond
	s.t.Cleanup(func() { _ = g.Close() })
	return g
}

// hangUp cuts every connection, as a machine that loses power does.
func (s *server) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		_ = c.raw.Close()
	}
}

func (s *server) accept() {
	for {
		raw, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.wg.Go(func() { s.serve(raw) })
	}
}

func (s *server) serve(raw net.Conn) {
	defer func() { _ = raw.Close() }()
	cfg := &ssh.ServerConfig{PublicKeyCallback: func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) { return nil, nil }}
	if only := s.only.Load(); only != nil {
		cfg.Config = *only
	}
	cfg.AddHostKey(s.hostKey)
	conn, chans, reqs, err := ssh.NewServerConn(raw, cfg)
	if err != nil {
		return
	}
	c := &serverConn{conn, raw}
	s.mu.Lock()
	s.conns[c] = true
	s.mu.Unlock()
	s.wg.Go(func() {
		for r := range reqs {
			if r.WantReply && !s.deaf.Load() {
				_ = r.Reply(false, nil)
			}
		}
	})
	for n := range chans {
		s.wg.Go(func() { s.channel(c, n) })
	}
}

func (s *server) channel(c *serverConn, n ssh.NewChannel) {
	switch n.ChannelType() {
	case "session":
		s.session(c, n)
	case "direct-tcpip":
		s.forward(n)
	default:
		_ = n.Reject(ssh.UnknownChannelType, "no")
	}
}

func (s *server) session(c *serverConn, n ssh.NewChannel) {
	open := s.open.Add(1)
	defer s.open.Add(-1)
	for {
		m := s.maxOpen.Load()
		if open <= m || s.maxOpen.CompareAndSwap(m, open) {
			break
		}
	}
	ch, reqs, err := n.Accept()
	if err != nil {
		return
	}
	defer func() { _ = ch.Close() }()
	r := <-reqs
	if r == nil {
		return
	}
	_ = r.Reply(true, nil)
	s.wg.Go(func() { ssh.DiscardRequests(reqs) })
	var m struct{ Text string }
	_ = ssh.Unmarshal(r.Payload, &m)
	if r.Type == "subsystem" {
		if s.files != nil {
			_ = sftp.NewRequestServer(ch, *s.files).Serve()
		} else if f, err := sftp.NewServer(ch); err == nil {
			_ = f.Serve()
		}
		return
	}
	if s.answer == nil || !s.answer(c, m.Text, ch) {
		s.shell(m.Text, ch)
	}
}

// shell runs a command as sshd does: as the leader of a session of its own,
// its exit told at once, its output carried until it is closed.
func (s *server) shell(command string, ch ssh.Channel) {
	cmd := exec.Command("/bin/sh", "-c", command)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		s.t.Error(err)
		return
	}
	outR, outW, _ := os.Pipe()
	errR, errW, _ := os.Pipe()
	cmd.Stdout, cmd.Stderr = outW, errW
	if err := cmd.Start(); err != nil {
		s.t.Error(err)
		return
	}
	_, _ = outW.Close(), errW.Close()
	go func() { _, _ = io.Copy(stdin, ch); _ = stdin.Close() }()
	var out sync.WaitGroup
	out.Go(func() { _, _ = io.Copy(ch, outR) })
	out.Go(func() { _, _ = io.Copy(ch.Stderr(), errR) })
	_ = cmd.Wait()
	sendExit(ch, cmd.ProcessState.Sys().(syscall.WaitStatus))
	gone := time.AfterFunc(time.Minute, func() { _, _ = outR.Close(), errR.Close() })
	out.Wait()
	gone.Stop()
	_, _ = outR.Close(), errR.Close()
}

func sendExit(ch ssh.Channel, ws syscall.WaitStatus) {
	if !ws.Signaled() {
		exit(ch, ws.ExitStatus())
		return
	}
	names := map[syscall.Signal]string{syscall.SIGTERM: "TERM", syscall.SIGKILL: "KILL"}
	_, _ = ch.SendRequest("exit-signal", false, ssh.Marshal(struct {
		Signal        string
		Core          bool
		Message, Lang string
	}{names[ws.Signal()], false, "", ""}))
}

func exit(ch ssh.Channel, code int) {
	_, _ = ch.SendRequest("exit-status", false, ssh.Marshal(struct{ Code uint32 }{uint32(code)}))
}

// say answers a command with text and exit code 0.
func say(ch ssh.Channel, text string) bool {
	_, _ = io.WriteString(ch, text+"\n")
	exit(ch, 0)
	return true
}

func (s *server) forward(n ssh.NewChannel) {
	var m struct {
		Host   string
		Port   uint32
		Origin string
		From   uint32
	}
	_ = ssh.Unmarshal(n.ExtraData(), &m)
	to, err := net.Dial("tcp", net.JoinHostPort(m.Host, strconv.Itoa(int(m.Port))))
	if err != nil {
		_ = n.Reject(ssh.ConnectionFailed, "Connection refused\x1b[31m")
		return
	}
	ch, reqs, err := n.Accept()
	if err != nil {
		_ = to.Close()
		return
	}
	s.wg.Go(func() { ssh.DiscardRequests(reqs) })
	s.wg.Go(func() { _, _ = io.Copy(to, ch); _ = to.Close() })
	_, _ = io.Copy(ch, to)
	_ = ch.Close()
	_ = to.Close()
}
