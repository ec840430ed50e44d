package check

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// pop3Check logs in and asks how many messages there are: RFC 1939.
func pop3Check(ctx context.Context, s *lab.POP3Check, at place) finding {
	return talk(ctx, at, s.Server, portOf(s.Server, 110, 995), func(ctx context.Context, c *session) finding {
		c.limit(maxMailTalk)
		conn, err := protect(ctx, c, s.Server, "pop3")
		if err != nil {
			return finding{err: err}
		}
		if _, err := pop3(conn, ""); err != nil {
			return finding{err: fmt.Errorf("the server does not greet: %w", err)}
		}
		if s.User == "" {
			return finding{seen: c.addr + " greets"}
		}
		return pop3Mailbox(conn, s)
	})
}

func pop3Mailbox(conn net.Conn, s *lab.POP3Check) finding {
	for _, command := range []string{"USER " + s.User, "PASS " + s.Password} {
		if _, err := pop3(conn, command); err != nil {
			return finding{err: fmt.Errorf("cannot log in as %s: %w", s.User, err)}
		}
	}
	answer, err := pop3(conn, "STAT")
	if err != nil {
		return finding{err: fmt.Errorf("cannot ask for messages: %w", err)}
	}
	var messages uint32
	if _, err := fmt.Sscanf(answer, "%d ", &messages); err != nil {
		return finding{err: fmt.Errorf("the server says %s to STAT", quoted(answer))}
	}
	f := finding{seen: "logged in as " + s.User, evidence: fmt.Sprintf("messages: %d\n", messages)}
	f.expectNumber("", s.Messages, float64(messages), "messages")
	_, _ = io.WriteString(conn, "QUIT\r\n") // nothing depends on the answer
	return f
}

// pop3 sends a command, unless it is empty, and returns the rest of the line
// that says that all is well.
func pop3(conn net.Conn, command string) (string, error) {
	if strings.ContainsAny(command, "\r\n") {
		return "", fmt.Errorf("a command of several lines")
	}
	if command != "" {
		if _, err := io.WriteString(conn, command+"\r\n"); err != nil {
			return "", err
		}
	}
	line, err := readLine(conn)
	if err != nil {
		return "", err
	}
	text, ok := strings.CutPrefix(line, "+OK")
	if !ok {
		return "", fmt.Errorf("the server says %s", quoted(line))
	}
	return strings.TrimSpace(text), nil
}
