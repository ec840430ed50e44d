package check

import (
	"context"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// listener is a socket that waits for others.
type listener struct {
	addr  netip.AddrPort
	inode string   // Linux
	by    []string // names of the processes that hold it, when they are asked for
}

// listenCheck looks at the sockets of a machine. An address is compared with
// the one that is bound: a service that listens on 0.0.0.0 does not listen on
// 192.0.2.1.
func listenCheck(ctx context.Context, s *lab.ListenCheck, at place) finding {
	protocol := orDefault(s.Protocol, "tcp")
	if protocol != "tcp" && protocol != "udp" {
		return finding{faults: []string{"unknown protocol " + quoted(s.Protocol)}}
	}
	var addr netip.Addr
	if s.Address != "" {
		var err error
		if addr, err = netip.ParseAddr(s.Address); err != nil {
			return finding{faults: []string{quoted(s.Address) + " is no address"}}
		}
	}
	got, f := at.ask(ctx, scripts{lab.Linux: linuxSockets(protocol, s.Process != ""), lab.Windows: windowsSockets(protocol, s.Port)})
	if !f.passed() {
		return f
	}
	f.evidence = ""
	all, ok := got.listeners(protocol)
	if !ok {
		f.fault("%s does not tell its %s sockets", at.name, protocol)
		return f
	}
	f.judgeListeners(s, addr, protocol, all)
	return f
}

func (f *finding) judgeListeners(s *lab.ListenCheck, addr netip.Addr, protocol string, all []listener) {
	var there, right []string
	unknown := false
	for _, l := range all {
		if int(l.addr.Port()) != s.Port {
			continue
		}
		text := protocol + " " + l.addr.String()
		if len(l.by) > 0 {
			text += " by " + strings.Join(l.by, ", ")
		}
		there = append(there, text)
		if addr.IsValid() && l.addr.Addr() != addr.Unmap() {
			continue
		}
		if s.Process == "" || slices.ContainsFunc(l.by, sameProcess(s.Process)) {
			right = append(right, text)
		}
		unknown = unknown || s.Process != "" && strings.Join(l.by, "") == ""
	}
	slices.Sort(there)
	there = slices.Compact(there)
	wanted := protocol + " port " + strconv.Itoa(s.Port)
	if s.Address != "" {
		wanted = protocol + " " + netip.AddrPortFrom(addr, uint16(s.Port)).String() //nolint:gosec // a valid definition has valid ports
	}
	if s.Process != "" {
		wanted += " by " + s.Process
	}
	switch {
	case s.Listening && len(right) > 0:
		f.seen = "listens on " + right[0]
	case s.Listening && len(there) > 0:
		f.fault("listens on %s, want %s", strings.Join(there, " and "), wanted)
	case s.Listening:
		f.fault("nothing listens on %s", wanted)
	case len(right) > 0:
		f.fault("listens on %s, want nothing there", right[0])
	case unknown:
		f.fault("listens on %s, and no process of it is known", strings.Join(there, " and "))
	default:
		f.seen = "nothing listens on " + wanted
	}
}

// sameProcess compares names as Linux cuts them and Windows writes them.
func sameProcess(name string) func(string) bool {
	name = strings.TrimSuffix(name, ".exe")
	return func(got string) bool {
		return strings.EqualFold(got, name) || len(got) == maxComm && got == name[:min(len(name), maxComm)]
	}
}
