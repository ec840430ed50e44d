package suggest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/patchlab/patchlab/lab"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// machine is a scripted lab.Guest, and a place to dial from.
type machine struct {
	lab.Guest
	m     *lab.Machine
	reply func(shell string) (stdout string, code int)
	err   error
	dial  map[string]string // "host:port": where that really is
}

func (g *machine) Machine() *lab.Machine {
	if g.m == nil {
		return &lab.Machine{Name: "web"}
	}
	return g.m
}

func (g *machine) Run(_ context.Context, c lab.Command) (lab.Output, error) {
	stdout, code := g.reply(c.Shell)
	return lab.Output{Stdout: []byte(stdout), ExitCode: code}, g.err
}

func (g *machine) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	to, ok := g.dial[addr]
	if !ok {
		return nil, errors.New("connection refused")
	}
	return new(net.Dialer).DialContext(ctx, network, to)
}

// world is a lab of two Linux machines and a Windows one.
type world struct {
	lab    *lab.Lab
	guests map[string]*machine

	mu    sync.Mutex
	fails func(c *lab.Check) bool
	made  []*lab.Check
}

func (w *world) Guest(m *lab.Machine) lab.Guest    { return w.guests[m.Name] }
func (w *world) Gateway(_ *lab.Network) lab.Dialer { return w.guests["web"] }

func (w *world) RunCheck(_ context.Context, c *lab.Check, at lab.Place) lab.CheckResult {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.made = append(w.made, c)
	if (at.Guest == nil) != (c.From == nil) || at.Dialer == nil || !at.DNS.IsValid() {
		return lab.CheckResult{Message: "made from nowhere"}
	}
	return lab.CheckResult{Passed: w.fails == nil || !w.fails(c), Message: "saw " + c.Spec.Kind()}
}

func newWorld(t *testing.T) *world {
	t.Helper()
	office := &lab.Network{Name: "office", Domain: "harbour.lan", Subnet: netip.MustParsePrefix("192.168.1.0/24"), Gateway: netip.MustParseAddr("192.168.1.1")}
	nic := func(addr string, names ...string) []lab.NIC {
		n := lab.NIC{Network: office, Names: names}
		if addr != "" {
			n.Address = netip.MustParseAddr(addr)
		}
		return []lab.NIC{n}
	}
	linux, windows := &lab.Image{OS: lab.Linux}, &lab.Image{OS: lab.Windows}
	l := &lab.Lab{
		Name: "dental", Secrets: []string{"hunter22"}, Networks: []*lab.Network{office},
		Machines: []*lab.Machine{
			{Name: "web", Image: linux, NICs: nic("192.168.1.10", "www")},
			{Name: "desk", Image: linux, NICs: nic("")},
			{Name: "files", Image: windows, NICs: nic("192.168.1.30")},
		},
	}
	w := &world{lab: l, guests: map[string]*machine{}}
	site := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		switch r.Host {
		case "www.harbour.lan":
			fmt.Fprint(rw, "<title>Booking</title>")
		case "web.harbour.lan":
			fmt.Fprintf(rw, "<title>It works</title>%d", time.Now().UnixNano())
		default:
			rw.WriteHeader(http.StatusInternalServerError)
		}
	}))
	t.Cleanup(site.Close)
	dial := map[string]string{}
	for _, host := range []string{"web.harbour.lan", "www.harbour.lan", "shop.harbour.lan"} {
		dial[host+":80"] = site.Listener.Addr().String()
	}
	for _, m := range l.Machines {
		name := map[string]string{"web": "linux.txt", "files": "windows.txt"}[m.Name]
		text := ""
		if name != "" {
			text = recorded(t, name)
		}
		w.guests[m.Name] = &machine{m: m, dial: dial, reply: func(shell string) (string, int) {
			if strings.Contains(shell, "largest") || strings.Contains(shell, "pg_stat_user_tables") {
				return "public.slots\n", 0
			}
			return text, 0
		}}
	}
	return w
}

func (w *world) names(t *testing.T) []string {
	t.Helper()
	got, err := Suggest(t.Context(), w.lab, w, w, nil)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, s := range got {
		out = append(out, s.Check.Name)
		if s.Comment != "saw "+s.Check.Spec.Kind() || s.Check.Timeout != checkTimeout || s.Check.Severity == "" {
			t.Errorf("%s: comment %q, check %+v", s.Check.Name, s.Comment, s.Check)
		}
	}
	return out
}

func TestSuggest(t *testing.T) {
	w := newWorld(t)
	want := []string{
		"web: apache2 runs and is started at boot",
		"web: cron runs and is started at boot",
		"web: postgresql@15-main runs",
		"web: ssh runs and is started at boot",
		"web: http://www.harbour.lan/ answers, from desk",
		"web: http://web.harbour.lan/ answers, from desk",
		"web: port 3306, from desk",
		"web: port 8080, from desk",
		"web: PostgreSQL database booking answers",
		"web: PostgreSQL database postgres answers",
		"web: MySQL database shop answers",
		"web: MySQL database empty answers",
		"web: MySQL database odd`name answers",
		"web: name web.harbour.lan, from desk",
		"web: name www.harbour.lan, from desk",
		"web: / has room",
		"web: /srv has room",
		"web: no new errors in the log",
		"web: no reboot is pending",
		"desk: no new errors in the log",
		"desk: no reboot is pending",
		"files: DHCPServer runs and is started at boot",
		"files: MSSQLSERVER runs and is started at boot",
		"files: W3SVC runs and is started at boot",
		"files: http://www.harbour.lan/ answers, from web",
		"files: port 445, from web",
		"files: port 3389, from web",
		"files: IIS site Default Web Site is started",
		"files: IIS site Intranet is started",
		"files: name files.harbour.lan, from web",
		`files: C:\ has room`,
		`files: D:\ has room`,
		"files: no new errors in the log",
		"files: no reboot is pending",
	}
	got := w.names(t)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if again := newWorld(t).names(t); !slices.Equal(got, again) {
		t.Errorf("another time it is %q", again)
	}
}

// What fails is left out, and what it falls back on is tried.
func TestSuggestOnlyWhatPasses(t *testing.T) {
	w := newWorld(t)
	w.fails = func(c *lab.Check) bool {
		switch s := c.Spec.(type) {
		case *lab.ServiceCheck, *lab.RebootCheck, *lab.LogCheck, *lab.IISSiteCheck, *lab.HTTPCheck:
			return true
		case *lab.DiskCheck:
			return *s.FreePercent.Min > 5
		case *lab.CommandCheck:
			return strings.Contains(s.Run, "count") // too slow
		case *lab.DNSCheck, *lab.TCPCheck:
			return c.From != nil // only the gateway may
		}
		return false
	}
	got, err := Suggest(t.Context(), w.lab, w, w, nil)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	for _, s := range got {
		kinds[s.Check.Spec.Kind()]++
		switch spec := s.Check.Spec.(type) {
		case *lab.DiskCheck:
			if *spec.FreePercent.Min != 5 {
				t.Errorf("%s wants %v %%", s.Check.Name, *spec.FreePercent.Min)
			}
		case *lab.CommandCheck:
			if !strings.Contains(spec.Run, "SELECT 1") {
				t.Errorf("%s runs %s", s.Check.Name, spec.Run)
			}
		case *lab.DNSCheck, *lab.TCPCheck:
			if s.Check.From != nil || s.Check.FromNet == nil {
				t.Errorf("%s is not made from the gateway", s.Check.Name)
			}
		}
	}
	want := map[string]int{"disk": 4, "command": 5, "dns": 3, "tcp": 4}
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The definition's own checks are not repeated, their names not taken again.
func TestSuggestBesideDefinition(t *testing.T) {
	w := newWorld(t)
	yes := true
	w.lab.Checks = []*lab.Check{
		{Name: "mine", From: w.lab.Machines[0], Spec: &lab.ServiceCheck{Unit: "apache2", Active: &yes, Enabled: &yes}},
		{Name: "web: cron runs and is started at boot", From: w.lab.Machines[0], Spec: &lab.ServiceCheck{Unit: "cron", Active: &yes}},
	}
	got := w.names(t)
	if got[0] != "web: cron runs and is started at boot (2)" || slices.Contains(got, "web: apache2 runs and is started at boot") {
		t.Errorf("got %q", got[:3])
	}
}

func TestSuggestTellsNoSecret(t *testing.T) {
	w := newWorld(t)
	inner := w.guests["web"].reply
	w.guests["web"].reply = func(shell string) (string, int) {
		text, code := inner(shell)
		return strings.ReplaceAll(text, "booking", "hunter22"), code
	}
	for _, name := range w.names(t) {
		if strings.Contains(name, "hunter22") {
			t.Errorf("it tells %q", name)
		}
	}
}

func TestSuggestMachineGone(t *testing.T) {
	w := newWorld(t)
	w.guests["desk"].err = &lab.GuestError{Machine: "desk", Op: "reach", Err: errors.New("no route")}
	_, err := Suggest(t.Context(), w.lab, w, w, nil)
	if ge, ok := errors.AsType[*lab.GuestError](err); !ok || ge.Machine != "desk" {
		t.Errorf("got %v", err)
	}
	w = newWorld(t)
	w.guests["files"].reply = func(string) (string, int) { return "", 1 }
	_, err = Suggest(t.Context(), w.lab, w, w, nil)
	if ge, ok := errors.AsType[*lab.GuestError](err); !ok || ge.Machine != "files" {
		t.Errorf("got %v", err)
	}
}

func TestSuggestInterrupted(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	w.fails = func(*lab.Check) bool { cancel(); return true }
	if _, err := Suggest(ctx, w.lab, w, w, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// A site of TLS is found as such, and its certificate looked at.
func TestSuggestTLS(t *testing.T) {
	w := newWorld(t)
	site := httptest.NewUnstartedServer(http.RedirectHandler("/login", http.StatusFound))
	site.Config.ErrorLog = log.New(io.Discard, "", 0)
	site.StartTLS()
	t.Cleanup(site.Close)
	for _, g := range w.guests {
		g.dial = map[string]string{"web.harbour.lan:8080": site.Listener.Addr().String()}
	}
	w.fails = func(c *lab.Check) bool {
		s, ok := c.Spec.(*lab.TLSCheck)
		return ok && !s.Insecure
	}
	got, err := Suggest(t.Context(), w.lab, w, w, nil)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, s := range got {
		switch spec := s.Check.Spec.(type) {
		case *lab.HTTPCheck:
			found++
			if spec.URL != "https://web.harbour.lan:8080/" || spec.Status != http.StatusFound || !spec.Insecure {
				t.Errorf("got %+v", spec)
			}
		case *lab.TLSCheck:
			found++
			if !spec.Insecure || spec.Port != 8080 || *spec.DaysLeft.Min != 14 {
				t.Errorf("got %+v", spec)
			}
		}
	}
	if found != 2 {
		t.Errorf("found %d of two", found)
	}
}
