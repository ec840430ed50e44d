package check

import (
	"context"
	"errors"
	"testing"

	"github.com/patchlab/patchlab/lab"
)

const mountInfo = `22 28 0:21 / /proc rw,nosuid,nodev,noexec,relatime shared:12 - proc proc rw
28 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw,discard,errors=remount-ro
30 28 254:2 / /srv/my\040data rw,noexec shared:2 master:3 - xfs /dev/vdb ro
31 28 0:40 / /mnt rw - nfs4 nas:/first rw
32 31 0:41 / /mnt rw - nfs4 nas:/second rw
broken line
`

func TestMount(t *testing.T) {
	dir := tree(t, map[string]string{"mountinfo": mountInfo})
	m := onHost(t, map[string]string{"readlink": `[ "$*" = "-f -- /dev/disk/by-uuid/1" ] && echo /dev/vda1`}, "/proc/self/mountinfo", dir+"/mountinfo")
	runRows(t, []row{
		{"mounted", &lab.MountCheck{Path: "/"}, m, true, "/dev/vda1 is mounted on /"},
		{"all", &lab.MountCheck{Path: "/", Source: "/dev/vda1", Type: "ext4", Options: []string{"rw", "discard"}}, m, true, "/dev/vda1 is mounted on /, type ext4, rw, discard"},
		{"source is a link", &lab.MountCheck{Path: "/", Source: "/dev/disk/by-uuid/1"}, m, true, "/dev/vda1 is mounted on /"},
		{"other source", &lab.MountCheck{Path: "/", Source: "/dev/vdb", Type: "xfs"}, m, false, "source is /dev/vda1, want /dev/vdb; type is ext4, want xfs"},
		{"not mounted", &lab.MountCheck{Path: "/srv"}, m, false, "nothing is mounted on /srv"},
		{"space, and a file system that is read-only", &lab.MountCheck{Path: "/srv/my data/", Options: []string{"noexec", "rw"}}, m, false, "options are rw,noexec,ro, want rw"},
		{"the last one counts", &lab.MountCheck{Path: "/mnt", Source: "nas:/first"}, m, false, "source is nas:/second, want nas:/first"},
	})
}

func TestDisk(t *testing.T) {
	// block size, blocks, free, free for others; inodes, free
	m := onHost(t, map[string]string{"stat": `case $4 in
/) echo "4096 1000000 300000 250000 1000 10" ;; /btrfs) echo "4096 1000 500 500 0 0" ;;
/odd) echo "4096 1 2 3 4 5" ;; *) echo "stat: cannot read file system information for '$4'" >&2; exit 1 ;; esac`}, " -- ", " ")
	runRows(t, []row{
		{"room", &lab.DiskCheck{Path: "/", FreeMiB: lab.Range{Min: p(900.0)}, FreePercent: lab.Range{Min: p(26.0)}}, m, true, "/: free 976.6 MiB, free 26.3 %"},
		{"no room", &lab.DiskCheck{Path: "/", FreePercent: lab.Range{Min: p(30.0)}}, m, false, "free 26.3 %, want at least 30"},
		{"no inodes", &lab.DiskCheck{Path: "/", FreeInodesPercent: lab.Range{Min: p(5.0)}}, m, false, "free 1 % of inodes, want at least 5"},
		{"inodes are not counted", &lab.DiskCheck{Path: "/btrfs", FreeInodesPercent: lab.Range{Min: p(5.0)}}, m, false, "the file system at /btrfs does not count inodes"},
		{"no such path", &lab.DiskCheck{Path: "/none", FreeMiB: lab.Range{Max: p(1.0)}}, m, false, "desk cannot tell the room at /none: stat: cannot read file system information for '/none'"},
		{"impossible", &lab.DiskCheck{Path: "/odd"}, m, false, "desk cannot tell the room at /odd"},
		{"Windows", &lab.DiskCheck{Path: `C:\`, FreePercent: lab.Range{Min: p(50.0)}}, answers(t, lab.Windows, facts{"blocks": "1 1000 500 500 0 0"}), true, `C:\: free 50 %`},
		{"Windows has no inodes", &lab.DiskCheck{Path: `C:\`, FreeInodesPercent: lab.Range{Min: p(1.0)}}, answers(t, lab.Windows, nil), false, "file systems of Windows have no inodes to count"},
	})
}

// accounts are fake commands of a machine with user web and group www.
var accounts = map[string]string{
	"getent": `db=$1; shift; found=2
for n; do
	case "$db $n" in
	"passwd web"|"passwd 1000") echo "web:x:1000:1001:Web, it's:/srv/web:/bin/sh"; found=0 ;;
	"group www") echo "www:x:33:bob,eve"; found=0 ;;
	"group web") echo "web:x:1001:"; found=0 ;;
	"group domain users") echo "domain users:x:7000:"; found=0 ;;
	"passwd down") exit 3 ;;
	esac
done
exit $found`,
	"id": `[ "$*" = "-G web" ] && echo "1001 7000"`,
}

func TestUserAndGroup(t *testing.T) {
	m := onHost(t, accounts)
	win := answers(t, lab.Windows, facts{"usercode": "0", "user": "Bob::::::", "home": `C:\Users\bob`, "groups": "Users\nRemote Desktop Users"})
	runRows(t, []row{
		{"user", &lab.UserCheck{Name: "web", Exists: true, UID: p(1000), Home: "/srv/web", Shell: "/bin/sh"}, m, true, "there is a user web, uid 1000, home /srv/web, shell /bin/sh"},
		{"other user", &lab.UserCheck{Name: "web", Exists: true, UID: p(1), Shell: "/bin/bash"}, m, false, "uid is 1000, want 1; shell is /bin/sh, want /bin/bash"},
		{"in groups", &lab.UserCheck{Name: "web", Exists: true, Groups: []string{"web", "domain users"}}, m, true, "there is a user web, in group web, in group domain users"},
		{"not in groups", &lab.UserCheck{Name: "web", Exists: true, Groups: []string{"www", "none"}}, m, false, "not in group www; not in group none"},
		{"no user", &lab.UserCheck{Name: "bob", Exists: true}, m, false, "there is no user bob"},
		{"no user, as wanted", &lab.UserCheck{Name: "bob"}, m, true, "there is no user bob"},
		{"unwanted user", &lab.UserCheck{Name: "web"}, m, false, "there is a user web, want none"},
		{"a number is no name", &lab.UserCheck{Name: "1000", Exists: true}, m, false, `cannot tell whether there is a user 1000: getent answers for "web"`},
		{"no answer is not absence", &lab.UserCheck{Name: "down"}, m, false, "cannot tell whether there is a user down: getent ends with exit code 3"},
		{"option", &lab.UserCheck{Name: "-s"}, m, false, `"-s" is no name of an account`},
		{"group", &lab.GroupCheck{Name: "www", Exists: true, GID: p(33), Members: []string{"eve"}}, m, true, "there is a group www, gid 33, eve is in it"},
		{"first group", &lab.GroupCheck{Name: "web", Exists: true, Members: []string{"web"}}, m, true, "there is a group web, web is in it"},
		{"not in it", &lab.GroupCheck{Name: "www", Exists: true, Members: []string{"web", "ev"}}, m, false, "web is not in it; ev is not in it"},
		{"no group", &lab.GroupCheck{Name: "none"}, m, true, "there is no group none"},
		{"Windows user", &lab.UserCheck{Name: "bob", Exists: true, Home: `C:\Users\bob`, Groups: []string{"users"}}, win, true, `there is a user bob, home C:\Users\bob, in group users`},
		{"Windows user, not in a group", &lab.UserCheck{Name: "bob", Exists: true, Groups: []string{"Administrators"}}, win, false, "not in group Administrators"},
		{"no Windows user", &lab.UserCheck{Name: "bob"}, answers(t, lab.Windows, facts{"usercode": "2"}), true, "there is no user bob"},
		{"no shells on Windows", &lab.UserCheck{Name: "bob", Shell: "x"}, win, false, "accounts of Windows have neither a number nor a shell"},
		{"Windows group", &lab.GroupCheck{Name: "admins", Exists: true, Members: []string{"bob"}}, answers(t, lab.Windows, facts{"groupcode": "0", "group": "Admins:::", "members": "Bob\nEve"}), true, "there is a group admins, bob is in it"},
	})
}

func TestGetentOfThisHost(t *testing.T) {
	want(t, make1(t, &lab.UserCheck{Name: "root", Exists: true, UID: p(0), Groups: []string{"root"}}, onHost(t, nil), long), true,
		"there is a user root, uid 0, in group root")
}

func TestSysctl(t *testing.T) {
	dir := tree(t, map[string]string{"net/ipv4/tcp_rmem": "4096\t131072\t6291456\n", "net/ipv4/conf/eth0.1/forwarding": "1\n", "kernel/evil": "\x1b[2J\xff\n"})
	m := onHost(t, nil, "/proc/sys/", dir+"/")
	runRows(t, []row{
		{"several numbers", &lab.KernelParameterCheck{Name: "net.ipv4.tcp_rmem", Value: lab.Match{Equals: "4096 131072 6291456"}}, m, true, `net.ipv4.tcp_rmem is "4096 131072 6291456"`},
		{"dot in a name", &lab.KernelParameterCheck{Name: "net.ipv4.conf.eth0/1.forwarding", Value: lab.Match{Equals: "0"}}, m, false, `net.ipv4.conf.eth0/1.forwarding is "1", want "0"`},
		{"with slashes", &lab.KernelParameterCheck{Name: "net/ipv4/conf/eth0.1/forwarding", Value: lab.Match{Equals: "1"}}, m, true, `net/ipv4/conf/eth0.1/forwarding is "1"`},
		{"hostile", &lab.KernelParameterCheck{Name: "kernel.evil", Value: lab.Match{Equals: "1"}}, m, false, `kernel.evil is "�", want "1"`},
		{"unknown", &lab.KernelParameterCheck{Name: "net.ipv4.none", Value: lab.Match{NotContains: "1"}}, m, false, "there is no kernel parameter net.ipv4.none"},
		{"way out", &lab.KernelParameterCheck{Name: "kernel/../../../etc/passwd", Value: lab.Match{Contains: "root"}}, m, false, `"kernel/../../../etc/passwd" is no name of a kernel parameter`},
	})
}

func TestReboot(t *testing.T) {
	ask := func(pending bool, reason string, err error) lab.CheckResult {
		r := Runner{RebootPending: func(context.Context, lab.Guest) (bool, string, error) { return pending, reason, err }}
		c := &lab.Check{Name: "c", From: &lab.Machine{Name: "desk"}, Timeout: long, Spec: &lab.RebootCheck{}}
		return r.RunCheck(t.Context(), c, lab.Place{Guest: &machine{}, Dialer: &machine{}})
	}
	want(t, ask(false, "", nil), true, "no reboot is pending")
	want(t, ask(true, "kernel 2 is installed\x1b[2J", nil), false, "a reboot is pending, want none: kernel 2 is installed")
	want(t, ask(false, "", errors.New("exit code 3")), false, "exit code 3")
	want(t, make1(t, &lab.RebootCheck{}, &machine{}, long), false, "nothing here can tell whether a machine asks for a reboot")
}

func TestCombined(t *testing.T) {
	yes, no := &lab.CommandCheck{}, &lab.CommandCheck{ExitCode: 7}
	runs := 0
	m := prints("", "", 0)
	run := m.run
	m.run = func(ctx context.Context, c lab.Command) (lab.Output, error) { runs++; return run(ctx, c) }
	any1 := func(s ...lab.CheckSpec) *lab.CombinedCheck { return &lab.CombinedCheck{Members: s} }
	all := func(s ...lab.CheckSpec) *lab.CombinedCheck { return &lab.CombinedCheck{All: true, Members: s} }
	runRows(t, []row{
		{"any", any1(no, yes, no), m, true, "command (2 of 3): exit code 0"},
		{"none", any1(no, no), m, false, "command (1 of 2): exit code 0, want 7; command (2 of 2): exit code 0, want 7"},
		{"all", all(yes, yes), m, true, "command (1 of 2): exit code 0; command (2 of 2): exit code 0"},
		{"not all", all(yes, no, yes), m, false, "command (2 of 3): exit code 0, want 7"},
		{"nothing", all(), m, false, `"all" has no members`},
		{"log", any1(&lab.LogCheck{}), m, false, `a check of kind "log" cannot be part of "any"`},
		{"combined", all(any1(yes)), m, false, `a check of kind "any" cannot be part of "all"`},
	})
	want(t, make1(t, all(yes, yes), hanging(), short), false, "not done within 200ms; while making command (1 of 2)")
	if runs != 2+2+2+3 {
		t.Errorf("%d commands were run", runs)
	}
}
