//go:build e2e

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/patchlab/patchlab/lab/agent"
)

// One instance of the dental lab is brought up, and everything that one does
// in a living lab is done in it.
func TestE2ELive(t *testing.T) {
	w := newWorld(t)
	w.want(0, "up", "../../examples/dental")
	t.Cleanup(func() { w.want(0, "down", "dental") })

	t.Run("status", func(t *testing.T) { liveStatus(t, w) })
	t.Run("ssh", func(t *testing.T) { liveSSH(t, w) })
	t.Run("ssh-config", func(t *testing.T) { liveSSHConfig(t, w) })
	t.Run("isolation", func(t *testing.T) { liveIsolation(t, w) })
	t.Run("stalled machine", func(t *testing.T) { liveStalled(t, w) })
	t.Run("snapshots", func(t *testing.T) { liveSnapshots(t, w) })
	t.Run("logs", func(t *testing.T) {
		if out, _ := w.want(0, "logs", "dental", "web"); !strings.Contains(out, "login:") {
			t.Errorf("web's console shows no login:\n%s", out)
		}
		w.want(0, "logs", "dental")
	})
	t.Run("up twice", func(t *testing.T) {
		if _, stderr := w.want(4, "up", "../../examples/dental"); !strings.Contains(stderr, "patchlab down") {
			t.Errorf("stderr:\n%s", stderr)
		}
	})
	t.Run("image in use", func(t *testing.T) {
		disk := running(t, w, "dental").Images["web"].SHA256
		if _, stderr := w.want(4, "image", "remove", disk); !strings.Contains(stderr, "in use by instance") {
			t.Errorf("stderr:\n%s", stderr)
		}
	})
}

func status(t *testing.T, w *world) []instanceStatus {
	t.Helper()
	out, _ := w.want(0, "status", "--format", "json")
	var list []instanceStatus
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		t.Fatal(err)
	}
	return list
}

func liveStatus(t *testing.T, w *world) {
	list := status(t, w)
	if len(list) != 1 || list[0].Lab != "dental" || len(list[0].Machines) != 3 {
		t.Fatalf("status: %+v", list)
	}
	for _, m := range list[0].Machines {
		if m.State.State != "running" || !m.Address.IsValid() {
			t.Errorf("machine %+v", m)
		}
	}
}

func liveSSH(t *testing.T, w *world) {
	if out, _ := w.want(0, "ssh", "dental", "web", "--", "hostname"); strings.TrimSpace(out) != "web" {
		t.Errorf("hostname of web: %q", out)
	}
	if out, _ := w.want(0, "ssh", "dental", "web", "--", "printf", "%s|", "a b", "$HOME", "'"); out != "a b|$HOME|'|" {
		t.Errorf("arguments arrive as %q", out)
	}
	w.want(7, "ssh", "dental", "web", "--", "exit 7")
	w.want(2, "ssh", "dental", "wbe", "--", "true")
	w.want(2, "ssh", "dentist", "web")
}

// Plain ssh and scp with the printed configuration.
func liveSSHConfig(t *testing.T, w *world) {
	out, _ := w.want(0, "ssh-config", "dental")
	dir := t.TempDir()
	config := filepath.Join(dir, "dental.ssh")
	sent := filepath.Join(dir, "sent")
	blob := bytes.Repeat([]byte("patchlab\x00\xff"), 10_000)
	if os.WriteFile(config, []byte(out), 0o600) != nil || os.WriteFile(sent, blob, 0o600) != nil {
		t.Fatal("cannot write the test's files")
	}
	for _, argv := range [][]string{
		{"scp", "-F", config, sent, "db:/root/received"},
		{"scp", "-F", config, "db:/root/received", sent + ".back"},
		{"ssh", "-F", config, "desk", "true"},
	} {
		c := exec.Command(argv[0], argv[1:]...)
		c.Env = w.env
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", argv, err, out)
		}
	}
	if back, err := os.ReadFile(sent + ".back"); err != nil || !bytes.Equal(back, blob) {
		t.Errorf("the file came back changed (%v)", err)
	}
}

// Seen from inside a guest: nothing outside the lab answers, each attempt
// fails fast, and all are recorded.
func liveIsolation(t *testing.T, w *world) {
	probe := func(what, command string) {
		t.Helper()
		out, _ := w.want(0, "ssh", "dental", "desk", "--",
			fmt.Sprintf("start=$(date +%%s); if timeout 20 %s; then echo REACHED; else echo refused after $(($(date +%%s)-start)) s; fi 2>&1", command))
		t.Logf("%s: %s", what, strings.TrimSpace(out))
		if strings.Contains(out, "REACHED") || !strings.Contains(out, "refused after") {
			t.Errorf("%s: %s", what, out)
		}
		var took int
		if _, err := fmt.Sscanf(out[strings.LastIndex(out, "refused after"):], "refused after %d s", &took); err != nil || took > 10 {
			t.Errorf("%s was refused after %d s (%v)", what, took, err)
		}
	}
	probe("the internet by TCP", "bash -c 'exec 3<>/dev/tcp/203.0.113.7/443'")
	probe("the internet by name", "getent hosts www.example.com")
	probe("a host's private address", "bash -c 'exec 3<>/dev/tcp/10.0.2.2/22'")
	probe("another lab's subnet", "bash -c 'exec 3<>/dev/tcp/192.168.77.10/80'")
	probe("a service of the gateway that is none", "bash -c 'exec 3<>/dev/tcp/192.168.1.1/22'")

	attempts, err := agent.NewClient(running(t, w, "dental").Spec.SocketPath()).Egress(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, to := range []string{"203.0.113.7:443", "10.0.2.2:22", "192.168.77.10:80", "www.example.com"} {
		found := false
		for _, a := range attempts {
			found = found || a.Machine == "desk" && strings.HasPrefix(a.To, to) && a.Count > 0
		}
		if !found {
			t.Errorf("desk's attempt to reach %s is not recorded in %+v", to, attempts)
		}
	}
}

// A suspended machine delays nobody: the others go on talking over the same
// switch while frames for it are dropped.
func liveStalled(t *testing.T, w *world) {
	c := agent.NewClient(running(t, w, "dental").Spec.SocketPath())
	if err := c.Suspend(t.Context(), "desk"); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := c.Resume(t.Context(), "desk"); err != nil {
			t.Error(err)
		}
		w.want(0, "ssh", "dental", "desk", "--", "true")
	}()
	// Broadcasts go to every port; 4 MB of them are more than the queue and
	// the socket of a machine that does not read can hold.
	flood := `ping -b -f -q -c 4000 -s 1000 -W 1 192.168.1.255 >/dev/null 2>&1
for i in $(seq 20); do exec 3<>/dev/tcp/192.168.1.20/5432 && exec 3>&- || exit 1; done && echo "web talks to db"`
	out, _ := w.want(0, "ssh", "dental", "web", "--", "bash", "-c", flood)
	if !strings.Contains(out, "web talks to db") {
		t.Errorf("with desk suspended: %s", out)
	}
	st, err := c.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var dropped uint64
	for _, n := range st.Stats.Networks {
		for _, p := range n.Ports {
			dropped += p.Dropped
		}
	}
	if dropped == 0 {
		t.Errorf("desk lost no frame, so it was not stalled: %+v", st.Stats)
	}
}

// counter sends rising numbers to whoever connects.
const counter = `cat >/root/count.py <<'END'
import socket, time
s = socket.create_server(("0.0.0.0", 7000))
while True:
    c, _ = s.accept()
    n = 0
    try:
        while True:
            c.sendall(b"%d\n" % n)
            n += 1
            time.sleep(0.2)
    except OSError:
        pass
END
nohup python3 /root/count.py >/dev/null 2>&1 & sleep 2`

// listener keeps the last number that it heard, and notes when the connection
// ends.
const listener = `nohup bash -c '
	exec 3<>/dev/tcp/192.168.1.20/7000
	while read -r n <&3; do echo $n >/root/heard; done
	echo ended >/root/ended' >/dev/null 2>&1 & sleep 3`

// A connection between two machines of the lab lives on through snapshots and
// reverts, and is where it was when the snapshot was taken.
func liveSnapshots(t *testing.T, w *world) {
	ssh := func(machine, command string) string {
		t.Helper()
		out, _ := w.want(0, "ssh", "dental", machine, "--", command)
		return strings.TrimSpace(out)
	}
	ssh("db", counter)
	ssh("desk", listener)
	heard := func() int {
		t.Helper()
		n, err := strconv.Atoi(ssh("desk", "test ! -e /root/ended && until n=$(cat /root/heard) && [ \"$n\" ]; do sleep 0.1; done; echo \"$n\""))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := heard()
	w.want(0, "snapshot", "dental", "counting")
	ssh("web", "echo later >/root/later; sync")
	ssh("desk", "sleep 5")
	w.want(0, "snapshot", "dental", "further")
	if later := heard(); later <= before {
		t.Errorf("heard %d, then %d", before, later)
	}
	for range 2 {
		out, _ := w.want(0, "revert", "dental", "counting", "--verify")
		if !strings.Contains(out, "is reverted to counting: proven") {
			t.Errorf("revert says:\n%s", out)
		}
		w.want(1, "ssh", "dental", "web", "--", "test -e /root/later")
		back := heard()
		ssh("desk", "sleep 1")
		if again := heard(); again <= back {
			t.Errorf("the connection between db and desk is silent after the revert: heard %d, then %d", back, again)
		}
	}
	w.want(0, "snapshot", "rm", "dental", "counting") // its disks stay: the machines stand on them
	if out, _ := w.want(0, "snapshots", "dental"); strings.Contains(out, "counting") || !strings.Contains(out, "further") {
		t.Errorf("snapshots:\n%s", out)
	}
	w.want(0, "revert", "dental", "further")
	w.want(0, "revert", "dental")
	out := ssh("db", "date +%s")
	if at, err := strconv.ParseInt(out, 10, 64); err != nil || time.Since(time.Unix(at, 0)).Abs() > 5*time.Second {
		t.Errorf("db's clock says %q (%v)", out, err)
	}
}
