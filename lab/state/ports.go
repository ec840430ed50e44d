package state

import (
	"encoding/hex"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// clientPorts is where Linux begins to take ports for those who ask for none.
const clientPorts = 32768

// readPorts reads what ss prints or, after a line "proc", the kernel's own
// tables, which do not name processes. Of UDP, which has no listening, only
// ports that somebody chose are told.
func readPorts(st *stock, data []byte) error {
	source, rest, _ := strings.Cut(string(data), "\n")
	for line := range strings.Lines(rest) {
		proto, addr, process, ok := "", "", "", false
		if source == "ss" {
			proto, addr, process, ok = ssLine(line)
		} else {
			proto, addr, ok = procLine(line)
		}
		if !ok {
			continue
		}
		port, err := strconv.Atoi(addr[strings.LastIndexByte(addr, ':')+1:])
		if err != nil || proto == "udp" && port >= clientPorts {
			continue
		}
		if process == "" {
			process = "unknown"
		}
		st.add(lab.StatePort, proto+" "+addr, process)
	}
	return nil
}

var ssProcess = regexp.MustCompile(`\("((?:[^"\\]|\\.)*)",pid=`)

// ssLine reads such as
//
//	tcp LISTEN 0 511 *:80 *:* users:(("apache2",pid=412,fd=4),("apache2",pid=411,fd=4))
func ssLine(line string) (proto, addr, process string, ok bool) {
	f := strings.Fields(line)
	if len(f) < 6 || f[0] != "tcp" && f[0] != "udp" {
		return "", "", "", false
	}
	var names []string
	for _, m := range ssProcess.FindAllStringSubmatch(line, -1) {
		names = append(names, m[1])
	}
	slices.Sort(names)
	return f[0], f[4], strings.Join(slices.Compact(names), ","), true
}

// procLine reads such as
//
//	proc/net/tcp\x00   0: 0100007F:0019 00000000:0000 0A …
//
// where 0A is a socket that listens, and 07 a UDP socket without a peer.
func procLine(line string) (proto, addr string, ok bool) {
	name, text, _ := strings.Cut(line, "\x00")
	f := strings.Fields(text)
	if len(f) < 4 {
		return "", "", false
	}
	proto = strings.TrimSuffix(name[strings.LastIndexByte(name, '/')+1:], "6")
	if proto == "tcp" && f[3] != "0A" || proto == "udp" && f[3] != "07" {
		return "", "", false
	}
	host, port, _ := strings.Cut(f[1], ":")
	ip, ok1 := procAddr(host)
	n, err := strconv.ParseUint(port, 16, 16)
	return proto, netip.AddrPortFrom(ip, uint16(n)).String(), ok1 && err == nil
}

// procAddr reads an address as words in the machine's byte order, which is
// taken to be little-endian.
func procAddr(text string) (netip.Addr, bool) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b)%4 != 0 {
		return netip.Addr{}, false
	}
	for word := range slices.Chunk(b, 4) {
		slices.Reverse(word)
	}
	return netip.AddrFromSlice(b)
}
