package guest

import (
	"strings"
	"testing"
	"time"

	"github.com/patchlab/patchlab/lab"
)

// A machine that lets nobody in any more is noticed although the connection
// that is there still works.
func TestKnock(t *testing.T) {
	s := newServer(t)
	g := s.guest(nil)
	if _, err := g.Run(t.Context(), lab.Command{Shell: "true"}); err != nil {
		t.Fatal(err)
	}
	if err := g.Knock(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if n := s.dials.Load(); n != 2 {
		t.Errorf("%d connections were made, want a new one", n)
	}
	_ = s.listener.Close()
	g.limits.knock = 50 * time.Millisecond
	err := g.Knock(t.Context(), nil)
	if err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("a machine that lets nobody in: %v", err)
	}
	if out, err := g.Run(t.Context(), lab.Command{Shell: "exit 3"}); err != nil || out.ExitCode != 3 {
		t.Errorf("the connection that was there: %+v, %v", out, err)
	}
	if !strings.HasPrefix(g.HostKey(), "ssh-ed25519 ") {
		t.Errorf("host key %q", g.HostKey())
	}
}
