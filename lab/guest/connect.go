package guest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/patchlab/patchlab/lab"
)

// reach returns a connection that works, and tries for ReconnectLimit to make
// one where there is none: a patch may restart the network.
func (g *Guest) reach(ctx context.Context) (*link, error) {
	if l, _ := g.current(); l != nil { // its error comes from attempt too
		return l, nil
	}
	return g.await(ctx, Waiting{
		What:     "SSH on " + g.cfg.Machine.Name,
		First:    firstRetry,
		Interval: g.limits.poll,
		Limit:    g.cfg.ReconnectLimit,
	})
}

// await connects as soon as w allows.
func (g *Guest) await(ctx context.Context, w Waiting) (l *link, err error) {
	err = Wait(ctx, w, func(ctx context.Context) error {
		l, err = g.attempt(ctx)
		return err
	})
	if err != nil {
		return nil, ctxOr(ctx, g.fail("reach", err))
	}
	return l, nil
}

// current returns the connection if it works, else nil. Its error is
// permanent.
func (g *Guest) current() (*link, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return nil, Permanent(errClosed)
	}
	if g.link != nil && !g.link.ended() {
		return g.link, nil
	}
	return nil, nil //nolint:nilnil // no connection is no error here
}

// attempt connects once, unless another call has connected meanwhile. Errors
// that another attempt will not cure are Permanent.
func (g *Guest) attempt(ctx context.Context) (*link, error) {
	release, err := acquire(ctx, g.dialing)
	if err != nil {
		return nil, err
	}
	defer release()
	if l, err := g.current(); l != nil || err != nil {
		return l, err
	}
	if g.cfg.Alive != nil {
		if err := g.cfg.Alive(ctx); err != nil && ctx.Err() == nil {
			return nil, Permanent(err)
		}
	}
	client, err := g.connect(ctx)
	if err != nil {
		return nil, err
	}
	return g.adopt(client)
}

// adopt makes client the guest's connection, unless the guest was closed.
func (g *Guest) adopt(client *ssh.Client) (*link, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		_ = client.Close()
		return nil, Permanent(errClosed)
	}
	g.link = newLink(client, g.cfg, g.limits.alive)
	g.cfg.Log.Debug("connected over SSH")
	return g.link, nil
}

// connect dials and shakes hands.
func (g *Guest) connect(ctx context.Context) (*ssh.Client, error) {
	ctx, cancel := context.WithTimeout(ctx, handshakeLimit)
	defer cancel()
	raw, err := g.cfg.Dial(ctx)
	if err != nil {
		return nil, err
	}
	// The handshake knows no context: closing the connection ends it.
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	greeted := expectGreeting(raw, g.limits.greeting)
	conn, chans, reqs, err := g.handshake(greeted)
	if !stop() {
		if conn != nil {
			_ = conn.Close()
		}
		return nil, fmt.Errorf("the SSH handshake did not finish: %w", context.Cause(ctx))
	}
	if err != nil && greeted.late.Load() {
		err = fmt.Errorf("something accepted the connection but sent no SSH greeting within %s", g.limits.greeting)
	}
	if err != nil {
		_ = greeted.Close()
		return nil, err
	}
	return ssh.NewClient(conn, chans, reqs), nil
}

func (g *Guest) handshake(raw net.Conn) (ssh.Conn, <-chan ssh.NewChannel, <-chan *ssh.Request, error) {
	pin := &pin{want: g.cfg.HostKey}
	conn, chans, reqs, err := ssh.NewClientConn(raw, g.cfg.Machine.Name, &ssh.ClientConfig{
		Config:            algorithms(),
		User:              g.cfg.User,
		Auth:              []ssh.AuthMethod{ssh.PublicKeys(g.cfg.Signer)},
		HostKeyCallback:   pin.check,
		HostKeyAlgorithms: keyAlgorithms(g.cfg.HostKey),
		ClientVersion:     "SSH-2.0-patchlab",
	})
	if err == nil {
		return conn, chans, reqs, nil
	}
	if mismatch := pin.mismatch(err); mismatch != nil {
		return nil, nil, nil, Permanent(mismatch)
	}
	return nil, nil, nil, plain(err)
}

// algorithms are all safe ones of the library, what is cheapest for an
// emulated processor first. The bytes never leave this host, so that a key
// exchange which withstands the quantum computers of later years buys nothing
// for what it costs. Ciphers stay in the library's order, AES-GCM first: few
// bytes are sent, and unlike ChaCha20-Poly1305 it is safe with servers that
// don't know the strict key exchange.
func algorithms() ssh.Config {
	all := ssh.SupportedAlgorithms()
	exchanges := []string{ssh.KeyExchangeCurve25519}
	for _, name := range all.KeyExchanges {
		if name != ssh.KeyExchangeCurve25519 && name != ssh.KeyExchangeMLKEM768X25519 {
			exchanges = append(exchanges, name)
		}
	}
	exchanges = append(exchanges, ssh.KeyExchangeMLKEM768X25519)
	return ssh.Config{KeyExchanges: exchanges, Ciphers: all.Ciphers, MACs: all.MACs}
}

// pin accepts one host key.
type pin struct {
	want ssh.PublicKey
	got  ssh.PublicKey // the key that was refused, if one was
}

func (p *pin) check(_ string, _ net.Addr, key ssh.PublicKey) error {
	if string(key.Marshal()) == string(p.want.Marshal()) {
		return nil
	}
	p.got = key
	return errors.New("host key is not the pinned one")
}

// mismatch tells an error of the handshake that is about the host key from
// any other, for which it returns nil.
func (p *pin) mismatch(err error) error {
	want := describeKey(p.want)
	if p.got != nil {
		return &HostKeyError{Got: describeKey(p.got), Want: want}
	}
	if e, ok := errors.AsType[*ssh.AlgorithmNegotiationError](err); ok && strings.Contains(e.What, "host key") {
		return &HostKeyError{Got: "of another type", Want: want}
	}
	return nil
}

func describeKey(k ssh.PublicKey) string {
	return lab.Printable(k.Type(), 40) + " " + ssh.FingerprintSHA256(k)
}

// keyAlgorithms are those that prove possession of key.
func keyAlgorithms(key ssh.PublicKey) []string {
	if key.Type() == ssh.KeyAlgoRSA {
		return []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
	}
	return []string{key.Type()}
}
