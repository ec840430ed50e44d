package check

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/guest"
)

// maxDatagram is more than any datagram holds, in bytes.
const maxDatagram = 64 << 10

// udpCheck sends one datagram and waits for an answer that matches.
func udpCheck(ctx context.Context, s *lab.UDPCheck, at place) finding {
	if at.Guest != nil {
		return udpFromMachine(ctx, s, at)
	}
	addr := net.JoinHostPort(s.Host, strconv.Itoa(s.Port))
	c, err := at.Dialer.DialContext(ctx, "udp", addr)
	if err != nil {
		return finding{err: dialError(err, at, addr)}
	}
	defer func() { _ = c.Close() }()
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	if _, err := c.Write([]byte(s.Send)); err != nil {
		return finding{err: fmt.Errorf("cannot send to %s: %w", addr, err)}
	}
	return udpAnswers(s, addr, func() ([]byte, error) {
		buf := make([]byte, maxDatagram)
		n, err := c.Read(buf)
		return buf[:n], err
	})
}

// udpAnswers takes answers until one matches: others may be late, or for
// somebody else. Time ends it.
func udpAnswers(s *lab.UDPCheck, addr string, next func() ([]byte, error)) finding {
	var f finding
	for {
		answer, err := next()
		if err != nil {
			if len(f.faults) == 0 {
				f.fault("no answer from %s", addr)
			}
			f.err = err
			return f
		}
		f = finding{seen: addr + " answers", evidence: string(answer)}
		if f.expect("answer", s.Expect, answer, false); f.passed() {
			return f
		}
	}
}

// udpFromMachine talks with what the machine has for it, since SSH carries no
// datagrams: bash or .NET.
func udpFromMachine(ctx context.Context, s *lab.UDPCheck, at place) finding {
	wait := 10 * time.Second
	if end, ok := ctx.Deadline(); ok {
		wait = time.Until(end)
	}
	// What is seen must still come back in time.
	wait = max(wait*9/10-200*time.Millisecond, 100*time.Millisecond)
	got, f := at.ask(ctx, scripts{lab.Linux: linuxUDP(s, wait), lab.Windows: windowsUDP(s, wait)})
	if got == nil {
		return f
	}
	addr := net.JoinHostPort(s.Host, strconv.Itoa(s.Port))
	if tool := strings.TrimSpace(got["none"]); tool != "" {
		f.fault("%s has no %s, which sends the datagram", at.name, tool)
		return f
	}
	answers := got.lines("answer")
	judged := udpAnswers(s, addr, func() ([]byte, error) {
		if len(answers) == 0 {
			return nil, errSilence
		}
		answer, err := base64.StdEncoding.DecodeString(answers[0])
		answers = answers[1:]
		return answer, err
	})
	if errors.Is(judged.err, errSilence) {
		judged.err = nil // the faults say it
		if why := lastLine([]byte(got["why"])); why != "" {
			judged.fault("%s", why)
		}
		if judged.evidence == "" {
			judged.fault("nothing within %s", wait.Round(100*time.Millisecond))
		}
	}
	return judged
}

var errSilence = errors.New("no further answer")

// linuxUDP opens a socket by bash and reads it with dd: each read takes one
// datagram. After the first answer it waits another second, for the first may
// not be the one that is wanted, which only the caller can tell.
func linuxUDP(s *lab.UDPCheck, wait time.Duration) string {
	talk := `exec 3<>"/dev/udp/$1/$2" || exit
base64 -d <<<"$3" | dd bs=65536 count=1 iflag=fullblock >&3 2>/dev/null
for t in "$4" 1 1 1 1; do
answer=$(timeout "$t" dd bs=65536 count=1 <&3 2>/dev/null | base64 -w 0)
[ -n "$answer" ] || exit
echo "$answer"
[ -n "$5" ] || exit
done`
	several := ""
	if !s.Expect.IsZero() {
		several = "1"
	}
	seconds := strconv.FormatFloat(wait.Seconds(), 'f', 1, 64)
	args := guest.Quote("-c", talk, "bash", s.Host, strconv.Itoa(s.Port), base64.StdEncoding.EncodeToString([]byte(s.Send)), seconds, several)
	return `none=
for tool in bash timeout base64 dd; do command -v "$tool" >/dev/null || none=$tool; done
if [ -n "$none" ]; then
fact none
echo "$none"
else
exec 4>&1
why=$({ fact answer; bash ` + args + `; } 2>&1 >&4)
fact why
echo "$why"
fi`
}

func windowsUDP(s *lab.UDPCheck, wait time.Duration) string {
	several := "$true"
	if s.Expect.IsZero() {
		several = "$false"
	}
	return `$u = New-Object System.Net.Sockets.UdpClient
$answers = @()
try {
  $u.Connect(` + guest.QuotePS(s.Host) + ", " + strconv.Itoa(s.Port) + `)
  $b = [Convert]::FromBase64String('` + base64.StdEncoding.EncodeToString([]byte(s.Send)) + `')
  [void]$u.Send($b, $b.Length)
  $u.Client.ReceiveTimeout = ` + strconv.FormatInt(wait.Milliseconds(), 10) + `
  do {
    $from = New-Object System.Net.IPEndPoint([System.Net.IPAddress]::Any, 0)
    $answers += [Convert]::ToBase64String($u.Receive([ref]$from))
    $u.Client.ReceiveTimeout = 1000
  } while (` + several + ` -and $answers.Count -lt 5)
} catch {
  $e = $_.Exception; while ($e.InnerException) { $e = $e.InnerException }
  if ($e.SocketErrorCode -ne 'TimedOut') { $f['why'] = $e.Message }
} finally { $u.Close() }
$f['answer'] = $answers -join "` + "`n" + `"`
}
