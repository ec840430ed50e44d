package check

import (
	"encoding/hex"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// linuxSockets reads the kernel's tables: no tool shows more. Names of open
// files are made printable by ls, so that none looks like a line of its own.
func linuxSockets(protocol string, processes bool) string {
	script := "fact sockets; cat /proc/net/" + protocol + " && { [ ! -e /proc/net/" + protocol + "6 ] || cat /proc/net/" + protocol + "6; }"
	if processes {
		script += "\nfact files; ls -lnq /proc/[0-9]*/fd 2>/dev/null" + processesScript
	}
	return script
}

func windowsSockets(protocol string, port int) string {
	list := "Get-NetTCPConnection -State Listen"
	if protocol == "udp" {
		list = "Get-NetUDPEndpoint"
	}
	return "$port = " + strconv.Itoa(port) + "\n$all = @(" + list + ` | Where-Object { $_.LocalPort -eq $port })
$f['listeners'] = ($all | ForEach-Object {
	"$($_.LocalAddress) $((Get-Process -Id $_.OwningProcess -ErrorAction SilentlyContinue).ProcessName)"
}) -join [char]10
$f['port'] = "$port"`
}

// listeners reads what the machine says; not ok when it says nothing.
func (f facts) listeners(protocol string) (all []listener, ok bool) {
	if f.has("listeners") {
		port, _ := f.number("port")
		for _, line := range f.lines("listeners") {
			text, by, _ := strings.Cut(line, " ")
			addr, err := netip.ParseAddr(text)
			if err != nil {
				return nil, false
			}
			all = append(all, listener{addr: netip.AddrPortFrom(addr.WithZone(""), uint16(port)), by: []string{by}}) //nolint:gosec // the port that was asked for
		}
		return all, true
	}
	all, ok = parseSockets(f["sockets"], protocol)
	if f.has("files") {
		names := map[int]string{}
		for _, p := range parseProcesses(f["processes"]) {
			names[p.pid] = p.name
		}
		owners := socketOwners(f["files"])
		for i, l := range all {
			for _, pid := range owners[l.inode] {
				if n := names[pid]; n != "" && !slices.Contains(all[i].by, n) {
					all[i].by = append(all[i].by, n)
				}
			}
		}
	}
	return all, ok
}

// parseSockets reads /proc/net/tcp or udp: number, local address, remote
// address, state, …, inode. Not ok when the table's head is missing.
func parseSockets(text, protocol string) (all []listener, ok bool) {
	state := "0A" // listening
	if protocol == "udp" {
		state = "07" // not connected to one other
	}
	for line := range strings.Lines(text) {
		w := strings.Fields(line)
		if len(w) > 1 && w[0] == "sl" && w[1] == "local_address" {
			ok = true
		}
		if len(w) < 10 || w[3] != state {
			continue
		}
		if addr, valid := parseKernelAddr(w[1]); valid {
			all = append(all, listener{addr: addr, inode: w[9]})
		}
	}
	return all, ok
}

// parseKernelAddr reads "0100007F:0050": words of four bytes, each in the
// machine's order, which is taken for little-endian.
func parseKernelAddr(s string) (netip.AddrPort, bool) {
	a, p, _ := strings.Cut(s, ":")
	b, err := hex.DecodeString(a)
	port, perr := strconv.ParseUint(p, 16, 16)
	if err != nil || perr != nil || len(b)%4 != 0 {
		return netip.AddrPort{}, false
	}
	for i := 0; i < len(b); i += 4 {
		slices.Reverse(b[i : i+4])
	}
	addr, ok := netip.AddrFromSlice(b)
	return netip.AddrPortFrom(addr.Unmap(), uint16(port)), ok
}

var (
	openFilesOf = regexp.MustCompile(`^/proc/(\d+)/fd:$`)
	openSocket  = regexp.MustCompile(`^l.* \d+ -> socket:\[(\d+)\]$`)
)

// socketOwners are the processes that hold each socket, by its inode, from
// what ls prints of /proc/PID/fd.
func socketOwners(text string) map[string][]int {
	owners := map[string][]int{}
	pid := 0
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if m := openFilesOf.FindStringSubmatch(line); m != nil {
			pid, _ = strconv.Atoi(m[1]) // 0, nobody's, when it is too long
		} else if m := openSocket.FindStringSubmatch(line); m != nil {
			owners[m[1]] = append(owners[m[1]], pid)
		}
	}
	return owners
}
