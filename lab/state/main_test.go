package state

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/patchlab/patchlab/lab"
)

func TestMain(m *testing.M) {
	flag.Parse()
	if flag.Lookup("test.fuzz").Value.String() != "" {
		os.Exit(m.Run()) // the fuzzing engine leaves goroutines of its own
	}
	goleak.VerifyTestMain(m)
}

// machine is a lab.Guest that runs commands with this host's shell, or as run
// says.
type machine struct {
	lab.Guest // nil: what a survey may not use panics
	def       lab.Machine
	path      string // a folder with fake commands, before the host's
	run       func(c lab.Command) (lab.Output, error)
	ran       []string
}

func (m *machine) Machine() *lab.Machine { return &m.def }

func (*machine) Upload(context.Context, string, string, fs.FileMode, lab.Progress) error {
	panic("a survey uploads")
}

func (m *machine) Run(ctx context.Context, c lab.Command) (lab.Output, error) {
	m.ran = append(m.ran, c.Shell)
	if m.run != nil {
		return m.run(c)
	}
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", c.Shell)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = c.Stdin, c.Stdout, &stderr
	cmd.Env = []string{"PATH=" + m.path + ":/usr/sbin:/usr/bin:/sbin:/bin"}
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return lab.Output{ExitCode: exit.ExitCode(), Stderr: stderr.Bytes()}, nil
	}
	return lab.Output{Stderr: stderr.Bytes()}, err
}

// linuxMachine has fakes for the commands that ask the system, and root as its
// root.
func linuxMachine(t *testing.T, watch lab.Watch) (m *machine, root string) {
	t.Helper()
	root = t.TempDir()
	m = &machine{path: t.TempDir(), def: lab.Machine{Name: "web", Image: &lab.Image{OS: lab.Linux}, Watch: watch}}
	write(t, root, map[string]string{
		"proc/sys/kernel/osrelease": "6.1.0-18-amd64\n", "proc/sys/kernel/version": "#1 SMP Debian 6.1.76-1\n",
		"etc/os-release": "NAME=\"Debian GNU/Linux\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n",
		"etc/passwd":     "root:x:0:0:root:/root:/bin/bash\nana:x:1000:1000:Ana:/home/ana:/bin/bash\n+::::::\n",
		"etc/group":      "root:x:0:\nana:x:1000:\nsudo:x:27:zoe,ana\n",
		"etc/shadow":     "root:*:19000:0:99999:7:::\nana:$6$salt$hash:19000:0:99999:7:::\n",
		"proc/meminfo":   "MemTotal:         499000 kB\nMemFree:  1 kB\nMemAvailable:     396600 kB\n",
		"etc/crontab":    "# m h\nSHELL=/bin/sh\n17 *\t* * *\troot\tcd / && run-parts /etc/cron.hourly\n",
		"etc/cron.d/php": "09,39 *     * * *     root   /usr/lib/php/sessionclean\n", "etc/cron.d/old.dpkg-dist": "1 1 * * * root no\n",
		"var/spool/cron/crontabs/ana": "@daily true\n",
		"var/lib/dpkg/status":         "x", "sys/module/nf_tables/x": "",
		"etc/cron.daily/apt-compat": "#!/bin/sh\n",
	})
	must(t, os.Chmod(filepath.Join(root, "etc/cron.daily/apt-compat"), 0o755))
	write(t, root, unitSamples)
	link(t, root, "etc/systemd/system/multi-user.target.wants/apache2.service", "/lib/systemd/system/apache2.service")
	link(t, root, "etc/systemd/system/getty.target.wants/getty@tty1.service", "/lib/systemd/system/getty@.service")
	link(t, root, "etc/systemd/system/timers.target.wants/apt-daily.timer", "/lib/systemd/system/apt-daily.timer")
	for name, prints := range samples {
		m.fake(t, name, prints)
	}
	m.script(t, "systemctl", systemctl)
	return m, root
}

// fake puts a command in place that prints something.
func (m *machine) fake(t *testing.T, name, prints string) {
	t.Helper()
	must(t, os.WriteFile(filepath.Join(m.path, name+".out"), []byte(prints), 0o600))
	m.script(t, name, "while IFS= read -r line || [ \"$line\" ]; do printf '%s\\n' \"$line\"; done <\"$0.out\"\n")
}

func (m *machine) script(t *testing.T, name, text string) {
	t.Helper()
	must(t, os.WriteFile(filepath.Join(m.path, name), []byte("#!/bin/sh\n"+text), 0o755))
}

func write(t *testing.T, root string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		must(t, os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o755))
		must(t, os.WriteFile(filepath.Join(root, name), []byte(text), 0o644))
		must(t, os.Chmod(filepath.Join(root, name), 0o644)) // whatever the umask
	}
}

func link(t *testing.T, root, name, target string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o755))
	must(t, os.Symlink(target, filepath.Join(root, name)))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// prints is a Run that prints something on standard output.
func prints(text string, out lab.Output) func(lab.Command) (lab.Output, error) {
	return func(c lab.Command) (lab.Output, error) {
		_, err := io.Copy(c.Stdout, strings.NewReader(text))
		return out, err
	}
}

// samples are written by hand in the form that the tools of Debian 12 print,
// to have all cases in few lines. What a machine printed is in testdata.
var samples = map[string]string{
	"dpkg-query": "deb\tapache2:amd64\t2.4.57-2\tii \ndeb\tgone:all\t1.0\trc \ndeb\thalf:amd64\t3\tiF \n",
	"ss": `Netid State  Recv-Q Send-Q Local Address:Port  Peer Address:PortProcess
udp   UNCONN 0      0      192.168.1.10%ens3:68        0.0.0.0:*    users:(("systemd-network",pid=311,fd=18))
udp   UNCONN 0      0            0.0.0.0:48211     0.0.0.0:*    users:(("systemd-timesyn",pid=300,fd=9))
tcp   LISTEN 0      128          0.0.0.0:22        0.0.0.0:*    users:(("sshd",pid=410,fd=3))
tcp   LISTEN 0      511                *:80              *:*    users:(("apache2",pid=412,fd=4),("apache2",pid=411,fd=4),("a\" b",pid=1,fd=1))
tcp   LISTEN 0      128             [::]:22           [::]:*
`,
	"nft": `table inet filter {
	chain input {
		type filter hook input priority filter; policy drop;
		tcp dport 22 counter packets 5 bytes 300 accept
	}
}
# Warning: table ip nat is managed by iptables-nft, do not touch!
`,
	"journalctl": `Nov 23 18:45:01 web sshd[412]: error: kex_exchange_identification: read: Connection reset by 10.0.0.7 port 51234
Nov 23 18:46:01 web sshd[977]: error: kex_exchange_identification: read: Connection reset by 10.0.0.9 port 2
                               and a second line
Nov  3 18:46:01 web kernel: nvme0: I/O error at 0xdeadbeef token=hunter22
`,
	"df": `Filesystem     Type     1024-blocks   Used Available Capacity Mounted on
/dev/vda1      ext4         4046560 921600   2898164      25% /
tmpfs          tmpfs         249500      0    249500       0% /dev/shm
/dev/vdb       xfs            98304   2048     96256       3% /srv/my data
`,
}

// unitSamples are units' files of linuxMachine.
var unitSamples = map[string]string{
	"usr/lib/systemd/system/apache2.service":     "[Install]\nWantedBy=multi-user.target\n",
	"usr/lib/systemd/system/apt-daily.timer":     "[Install]\nWantedBy=timers.target\n",
	"usr/lib/systemd/system/fstrim.timer":        "[Install]\n WantedBy = timers.target\n",
	"usr/lib/systemd/system/getty@.service":      "[Install]\nWantedBy=getty.target\nDefaultInstance=tty1\n",
	"usr/lib/systemd/system/ssh.socket":          "[Install]\nWantedBy=sockets.target\n",
	"usr/lib/systemd/system/cloud-final.service": "[Install]\nWantedBy=cloud-init.target\n",
	"usr/lib/systemd/system/some.target":         "[Install]\nWantedBy=x.target\n",
}

// systemctl is a fake of it.
const systemctl = `case $1 in
list-units) cat <<'END'
apache2.service            loaded    active     running  The Apache HTTP Server
apt-daily.timer            loaded    active     waiting  Daily apt download activities
● bad.service              loaded    failed     failed   Bad
loop.service               loaded    activating auto-restart Loop
cloud-final.service        loaded    failed     failed   Execute cloud user/final scripts
gone.service               not-found inactive   dead     gone.service
session-3.scope            loaded    active     running  Session 3 of User root
user@0.service             loaded    active     running  User Manager for UID 0
systemd-fsck@dev-vdb.service loaded  active     exited   File System Check
getty@tty1.service         loaded    active     running  Getty on tty1
run-user-0.mount           loaded    active     mounted  /run/user/0
END
;;
show) echo FinishTimestampMonotonic=12600000 ;;
esac
`
