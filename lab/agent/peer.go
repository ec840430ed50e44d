package agent

import (
	"log/slog"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// peerListener lets in only processes of this process's user, and root.
type peerListener struct {
	*net.UnixListener
	log *slog.Logger
}

// Accept implements net.Listener.
func (l peerListener) Accept() (net.Conn, error) {
	for {
		c, err := l.AcceptUnix()
		if err != nil {
			return nil, err
		}
		cred, err := peerOf(c)
		if err == nil && (cred.Uid == 0 || int(cred.Uid) == os.Geteuid()) {
			return c, nil
		}
		_ = c.Close()
		if err != nil {
			l.log.Warn("refusing a control connection of unknown origin", "error", err)
		} else {
			l.log.Warn("refusing a control connection of another user", "uid", cred.Uid, "pid", cred.Pid)
		}
	}
}

// peerOf says whose process is at the other end of c.
func peerOf(c *net.UnixConn) (*unix.Ucred, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	var cred *unix.Ucred
	var credErr error
	err = raw.Control(func(fd uintptr) {
		cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err != nil {
		return nil, err
	}
	return cred, credErr
}
