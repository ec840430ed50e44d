package check

import (
	"fmt"
	"testing"

	"github.com/patchlab/patchlab/lab"
)

func status(name, state string, pid, parent, uid int) string {
	return fmt.Sprintf("Name:\t%s\nUmask:\t0022\nState:\t%s\nPid:\t%d\nPPid:\t%d\nUid:\t0\t%d\t0\t0\nThreads:\t1\n", name, state, pid, parent, uid)
}

func fakeProc(t *testing.T) *machine {
	dir := tree(t, map[string]string{
		"1/status":   status("systemd", "S (sleeping)", 1, 0, 0),
		"10/status":  status("nginx", "S (sleeping)", 10, 1, 0),
		"11/status":  status("nginx", "S (sleeping)", 11, 10, 33),
		"12/status":  status("nginx", "Z (zombie)", 12, 10, 33),
		"13/status":  status("systemd-timesyn", "S (sleeping)", 13, 1, 0),
		"14/status":  status(`a\nName:\tnginx`, "S (sleeping)", 14, 1, 0),
		"15/status":  status("Web Content", "R (running)", 15, 1, 0),
		"16/status":  "",
		"self":       "",
		"99/comm":    "nginx",
		"net/status": status("nginx", "S (sleeping)", 98, 1, 0),
	})
	return onHost(t, map[string]string{"id": `[ "$*" = "-u -- www-data" ] && echo 33`}, "/proc/[", dir+"/[")
}

func TestProcess(t *testing.T) {
	m := fakeProc(t)
	runRows(t, []row{
		{"one at least by default", &lab.ProcessCheck{Name: "nginx"}, m, true, "nginx: 2 processes"},
		{"none", &lab.ProcessCheck{Name: "apache2"}, m, false, "apache2: 0 processes, want at least 1"},
		{"none wanted", &lab.ProcessCheck{Name: "apache2", Count: lab.Range{Max: p(0.0)}}, m, true, "apache2: 0 processes"},
		{"of a user", &lab.ProcessCheck{Name: "nginx", User: "www-data", Count: lab.Range{Min: p(1.0), Max: p(1.0)}}, m, true, "nginx of www-data: 1 process"},
		{"too many", &lab.ProcessCheck{Name: "nginx", Count: lab.Range{Max: p(1.0)}}, m, false, "nginx: 2 processes, want at most 1"},
		{"unknown user", &lab.ProcessCheck{Name: "nginx", User: "nobody2", Count: lab.Range{Max: p(0.0)}}, m, false, `there is no user "nobody2" on desk`},
		{"cut name", &lab.ProcessCheck{Name: "systemd-timesyncd"}, m, true, "systemd-timesyncd: 1 process"},
		{"name with a space", &lab.ProcessCheck{Name: "Web Content"}, m, true, "Web Content: 1 process"},
		{"no processes at all", &lab.ProcessCheck{Name: "x", Count: lab.Range{Max: p(0.0)}}, onHost(t, nil, "/proc/[", t.TempDir()+"/["), false, "desk shows no processes at all"},
		{"Windows", &lab.ProcessCheck{Name: "w3wp.exe", User: `IIS APPPOOL\it's`}, answers(t, lab.Windows, facts{"count": "2"}), true, `w3wp.exe of IIS APPPOOL\it's: 2 processes`},
		{"Windows says nothing", &lab.ProcessCheck{Name: "w3wp", Count: lab.Range{Max: p(0.0)}}, answers(t, lab.Windows, facts{"count": ""}), false, "desk does not count its processes"},
	})
}

// TestProcessIgnoresItsOwn runs on the real /proc: the shell and grep that
// look are not counted.
func TestProcessIgnoresItsOwn(t *testing.T) {
	m := onHost(t, map[string]string{"lookingforme": `grep "$@"`}, "grep -h", "lookingforme -h")
	want(t, make1(t, &lab.ProcessCheck{Name: "lookingforme", Count: lab.Range{Max: p(0.0)}}, m, long), true, "lookingforme: 0 processes")
}

const tcpTable = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 500 1 0000000000000000 100 0 0 10 0
   1: 0100007F:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000   106        0 600 1 0000000000000000 100 0 0 10 0
   2: 0A01A8C0:0050 0B01A8C0:C0DE 01 00000000:00000000 00:00000000 00000000     0        0 700 1 0000000000000000 20 4 30 10 -1
`

const tcp6Table = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000001000000:0277 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 800 1 0000000000000000 100 0 0 10 0
   1: 0000000000000000FFFF00000A01A8C0:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 900 1 0000000000000000 100 0 0 10 0
`

const udpTable = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
   5: 00000000:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1000 2 0000000000000000 0
   6: 0A01A8C0:007B 0B01A8C0:007B 01 00000000:00000000 00:00000000 00000000     0        0 1001 2 0000000000000000 0
`

// openFiles is what ls -lnq prints; a file of process 14 has a name that would
// be lines of its own.
const openFiles = `/proc/1/fd:
total 0
lrwx------ 1 0 0 64 Nov 23 18:00 3 -> socket:[500]
/proc/10/fd:
total 0
lr-x------ 1 0 0 64 Nov 23 18:00 0 -> /dev/null
lrwx------ 1 0 0 64 Nov 23 18:00 6 -> socket:[600]
/proc/14/fd:
total 0
l-wx------ 1 0 0 64 Nov 23 18:00 1 -> /tmp/x?/proc/10/fd:?lrwx------ 1 0 0 64 Nov 23 18:00 3 -> socket:[900] (deleted)
`

func TestListen(t *testing.T) {
	dir := tree(t, map[string]string{
		"net/tcp": tcpTable, "net/tcp6": tcp6Table, "net/udp": udpTable,
		"1/status":  status("sshd", "S (sleeping)", 1, 0, 0),
		"10/status": status("postgres", "S (sleeping)", 10, 1, 106),
		"14/status": status("evil", "S (sleeping)", 14, 1, 106),
	})
	ls := map[string]string{"ls": `[ "$1" = -lnq ] && cat <<'END'` + "\n" + openFiles + "END"}
	m := onHost(t, ls, "/proc/net", dir+"/net", "/proc/[0-9]*/status", dir+"/[0-9]*/status")
	on := func(port int, address, process string) *lab.ListenCheck {
		return &lab.ListenCheck{Port: port, Address: address, Process: process, Listening: true}
	}
	runRows(t, []row{
		{"listens", on(22, "", ""), m, true, "listens on tcp 0.0.0.0:22"},
		{"nothing there", on(23, "", ""), m, false, "nothing listens on tcp port 23"},
		{"a connection is no listener", on(80, "", ""), m, false, "nothing listens on tcp port 80"},
		{"address", on(5432, "127.0.0.1", ""), m, true, "listens on tcp 127.0.0.1:5432"},
		{"other address", on(5432, "0.0.0.0", ""), m, false, "listens on tcp 127.0.0.1:5432, want tcp 0.0.0.0:5432"},
		{"IPv6", on(631, "::1", ""), m, true, "listens on tcp [::1]:631"},
		{"IPv4 in IPv6", on(8080, "192.168.1.10", ""), m, true, "listens on tcp 192.168.1.10:8080"},
		{"process", on(5432, "", "postgres"), m, true, "listens on tcp 127.0.0.1:5432 by postgres"},
		{"other process", on(22, "", "dropbear"), m, false, "listens on tcp 0.0.0.0:22 by sshd, want tcp port 22 by dropbear"},
		{"forged owner", on(8080, "", "postgres"), m, false, "listens on tcp 192.168.1.10:8080, want tcp port 8080 by postgres"},
		{"UDP", &lab.ListenCheck{Port: 53, Protocol: "udp", Listening: true}, m, true, "listens on udp 0.0.0.0:53"},
		{"connected UDP", &lab.ListenCheck{Port: 123, Protocol: "udp", Listening: true}, m, false, "nothing listens on udp port 123"},
		{"unwanted", &lab.ListenCheck{Port: 22}, m, false, "listens on tcp 0.0.0.0:22, want nothing there"},
		{"closed as wanted", &lab.ListenCheck{Port: 23}, m, true, "nothing listens on tcp port 23"},
		{"closed but for loopback", &lab.ListenCheck{Port: 5432, Address: "0.0.0.0"}, m, true, "nothing listens on tcp 0.0.0.0:5432"},
		{"unwanted process is not known", &lab.ListenCheck{Port: 8080, Process: "tomcat"}, m, false, "listens on tcp 192.168.1.10:8080, and no process of it is known"},
		{"no tables", &lab.ListenCheck{Port: 23}, onHost(t, nil, "/proc/net", t.TempDir()), false, "desk does not tell its tcp sockets"},
		{"bad address", on(1, "lan", ""), m, false, `"lan" is no address`},
		{"Windows", on(3389, "::", "svchost.exe"), answers(t, lab.Windows, facts{"port": "3389", "listeners": "0.0.0.0 svchost\n:: svchost"}), true, "listens on tcp [::]:3389 by svchost"},
		{"Windows, closed", &lab.ListenCheck{Port: 23}, answers(t, lab.Windows, facts{"port": "23", "listeners": ""}), true, "nothing listens on tcp port 23"},
	})
}
