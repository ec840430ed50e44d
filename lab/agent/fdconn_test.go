package agent_test

import (
	"net"
	"os"
)

// fdConn makes a socket a net.Conn.
func fdConn(fd int) net.Conn {
	f := os.NewFile(uintptr(fd), "socket")
	defer func() { _ = f.Close() }()
	c, err := net.FileConn(f)
	if err != nil {
		panic(err)
	}
	return c
}
