package check

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxLine is how long a line of a server may be, and maxLines how many there
// may be in one answer before TLS.
const (
	maxLine  = 8 << 10 // bytes
	maxLines = 100
)

// startTLS asks for TLS on a connection that has just been opened, in one of
// the protocols of lab.TLSCheck.StartTLS. It reads no byte that is not for it:
// what somebody slips in before TLS breaks the handshake. Greeting is what the
// server said first.
func startTLS(c io.ReadWriter, protocol string) (greeting string, err error) {
	switch protocol {
	case "smtp":
		greeting, err = startSMTP(c)
	case "imap":
		greeting, err = startIMAP(c)
	case "pop3":
		greeting, err = startPOP3(c)
	case "ldap":
		err = startLDAP(c)
	case "postgres":
		err = startPostgres(c)
	default:
		err = fmt.Errorf("nothing is known of TLS in %q", protocol)
	}
	if err != nil {
		return "", fmt.Errorf("no TLS by STARTTLS: %w", err)
	}
	return greeting, nil
}

func startSMTP(c io.ReadWriter) (greeting string, err error) {
	if greeting, err = smtpAnswer(c, "", "220"); err != nil {
		return "", err
	}
	offers, err := smtpAnswer(c, "EHLO "+heloName+"\r\n", "250")
	if err != nil {
		return "", err
	}
	if !hasWord(offers, "STARTTLS") {
		return "", errors.New("the server does not offer it")
	}
	_, err = smtpAnswer(c, "STARTTLS\r\n", "220")
	return greeting, err
}

// smtpAnswer sends a command and reads the lines of the answer, which must
// have that code.
func smtpAnswer(c io.ReadWriter, command, code string) (answer string, err error) {
	if _, err := io.WriteString(c, command); err != nil {
		return "", err
	}
	for range maxLines {
		line, err := readLine(c)
		if err != nil {
			return "", err
		}
		answer += line + "\r\n"
		if len(line) < 4 || line[3] != '-' {
			if !strings.HasPrefix(line, code) {
				return "", fmt.Errorf("the server says %s, want %s", quoted(line), code)
			}
			return answer, nil
		}
	}
	return "", errors.New("the server's answer does not end")
}

func startIMAP(c io.ReadWriter) (greeting string, err error) {
	greeting, err = readLine(c)
	if err != nil {
		return "", err
	}
	// PREAUTH would be somebody else's session.
	if !strings.HasPrefix(strings.ToUpper(greeting), "* OK") {
		return "", fmt.Errorf("the server says %s, want * OK", quoted(greeting))
	}
	offers, err := imapAnswer(c, "CAPABILITY")
	if err != nil {
		return "", err
	}
	if !hasWord(offers, "STARTTLS") {
		return "", errors.New("the server does not offer it")
	}
	_, err = imapAnswer(c, "STARTTLS")
	// Capabilities in the greeting are those before TLS.
	return "* OK\r\n", err
}

func imapAnswer(c io.ReadWriter, command string) (answer string, err error) {
	if _, err := io.WriteString(c, "t "+command+"\r\n"); err != nil {
		return "", err
	}
	for range maxLines {
		line, err := readLine(c)
		if err != nil {
			return "", err
		}
		if result, ok := strings.CutPrefix(line, "t "); ok {
			if !strings.HasPrefix(strings.ToUpper(result), "OK") {
				return "", fmt.Errorf("the server says %s to %s", quoted(result), command)
			}
			return answer, nil
		}
		answer += line + "\r\n"
	}
	return "", errors.New("the server's answer does not end")
}

func startPOP3(c io.ReadWriter) (greeting string, err error) {
	greeting, err = readLine(c)
	if err != nil {
		return "", err
	}
	if !strings.HasPrefix(greeting, "+OK") {
		return "", fmt.Errorf("the server says %s, want +OK", quoted(greeting))
	}
	if _, err := io.WriteString(c, "STLS\r\n"); err != nil {
		return "", err
	}
	line, err := readLine(c)
	if err == nil && !strings.HasPrefix(line, "+OK") {
		err = fmt.Errorf("the server says %s", quoted(line))
	}
	return greeting + "\r\n", err
}

// startLDAP makes the extended request of RFC 4511, section 4.14.
func startLDAP(c io.ReadWriter) error {
	const oid = "1.3.6.1.4.1.1466.20037"
	request := append([]byte{0x30, byte(len(oid) + 7), 2, 1, 1, 0x77, byte(len(oid) + 2), 0x80, byte(len(oid))}, oid...)
	if _, err := c.Write(request); err != nil {
		return err
	}
	answer, err := readBER(c)
	if err != nil {
		return err
	}
	// A sequence of the message's number and an extended response that
	// begins with its result.
	i := bytes.Index(answer, []byte{2, 1, 1, 0x78})
	if i < 0 || i > 6 {
		return errors.New("the server does not answer in LDAP")
	}
	rest := answer[i+4:]
	if len(rest) > 0 && rest[0]&0x80 != 0 {
		rest = rest[min(len(rest), int(rest[0]&0x7f)):]
	}
	if len(rest) < 4 || !bytes.Equal(rest[1:3], []byte{10, 1}) {
		return errors.New("the server does not answer in LDAP")
	}
	if rest[3] != 0 {
		return fmt.Errorf("the server refuses it with result %d", rest[3])
	}
	return nil
}

func startPostgres(c io.ReadWriter) error {
	if _, err := c.Write([]byte{0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f}); err != nil {
		return err
	}
	var answer [1]byte
	if _, err := io.ReadFull(c, answer[:]); err != nil {
		return err
	}
	if answer[0] != 'S' {
		return errors.New("the server does not offer it")
	}
	return nil
}

// readLine reads one line, and not a byte more.
func readLine(r io.Reader) (string, error) {
	var line []byte
	var b [1]byte
	for len(line) < maxLine {
		if _, err := io.ReadFull(r, b[:]); err != nil {
			return "", err
		}
		if b[0] == '\n' {
			return strings.TrimSuffix(string(line), "\r"), nil
		}
		line = append(line, b[0])
	}
	return "", errors.New("the server sends a line that does not end")
}

// hasWord reports whether an answer's lines name a capability.
func hasWord(answer, word string) bool {
	for _, w := range strings.FieldsFunc(answer, func(r rune) bool { return r == ' ' || r == '-' || r == '\r' || r == '\n' }) {
		if strings.EqualFold(w, word) {
			return true
		}
	}
	return false
}
