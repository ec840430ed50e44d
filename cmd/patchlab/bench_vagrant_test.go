//go:build bench

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/patchlab/patchlab/lab"
)

// vagrantPackages is what testdata/vagrant/bench.sh needs.
var vagrantPackages = strings.Fields(`vagrant vagrant-libvirt libvirt-daemon-system dnsmasq-base iptables
	qemu-system-x86 qemu-utils iproute2 openssh-client dosfstools mtools procps`)

// benchVagrant compares forks with Vagrant and vagrant-libvirt: the same image,
// the same memory, in turns.
func benchVagrant(t *testing.T, figures map[string]float64) {
	if os.Geteuid() != 0 {
		t.Skip("not measured: vagrant_*: testdata/vagrant/bench.sh needs root")
	}
	b := newBencher(t)
	const memoryMiB = 512
	ready := map[int]lab.Ready{}
	image := ""
	for _, n := range []int{1, 3} {
		l := b.lab(fmt.Sprintf("fork%d", n), n, memoryMiB)
		ready[n] = b.ready(l, nil)
		image = filepath.Join(b.home, "images", ready[n].ImageSHA256(l.Machines[0]), "disk.qcow2")
	}
	up, restore, tuned, forks := map[int][]float64{}, map[int][]float64{}, map[int][]float64{}, map[int][]float64{}
	for range rounds(t, 3) {
		for _, n := range []int{3, 1} {
			forks[n] = append(forks[n], b.forked(ready[n]), b.forked(ready[n]), b.forked(ready[n]))
			got := vagrant(t, image, n, memoryMiB)
			up[n], restore[n], tuned[n] = append(up[n], got.Up), append(restore[n], got.Restore), append(tuned[n], got.Tuned)
		}
	}
	for n := range ready {
		// vagrant up of new machines, until Vagrant's own SSH answers on all.
		b.figure(figures, fmt.Sprintf("vagrant_up%d_s", n), up[n])
		// vagrant snapshot restore, one command for all, until SSH answers on
		// all.
		b.figure(figures, fmt.Sprintf("vagrant_restore%d_s", n), restore[n])
		// The same by one vagrant for each machine, all at once, and a bridge
		// that opens its ports at once (no STP).
		b.figure(figures, fmt.Sprintf("vagrant_restore%d_tuned_s", n), tuned[n])
		// Ready.Fork, measured in the same minutes.
		b.figure(figures, fmt.Sprintf("vagrant_beside_fork%d_s", n), forks[n])
		// How many times as long Vagrant takes, of the medians.
		figures[fmt.Sprintf("vagrant_up%d_vs_fork%d", n, n)] = median(up[n]) / median(forks[n])
		figures[fmt.Sprintf("vagrant_restore%d_vs_fork%d", n, n)] = median(restore[n]) / median(forks[n])
		figures[fmt.Sprintf("vagrant_restore%d_tuned_vs_fork%d", n, n)] = median(tuned[n]) / median(forks[n])
	}
}

// vagrantTimes is what testdata/vagrant/bench.sh prints.
type vagrantTimes struct {
	Up      float64 `json:"up_s"`
	Restore float64 `json:"restore_s"`
	Tuned   float64 `json:"restore_tuned_s"`
}

// vagrant runs the script, and once more after installing what it misses.
func vagrant(t *testing.T, image string, machines, memoryMiB int) vagrantTimes {
	t.Helper()
	const notInstalled = 3
	out, said, err := vagrantScript(t, image, machines, memoryMiB)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == notInstalled {
		t.Logf("installing Vagrant: %s", said)
		install := exec.Command("apt-get", append([]string{"install", "-y", "--no-install-recommends"}, vagrantPackages...)...)
		install.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if text, err := install.CombinedOutput(); err != nil {
			t.Skipf("not measured: vagrant_*: it cannot be installed here: %v\n%s", err, text)
		}
		out, said, err = vagrantScript(t, image, machines, memoryMiB)
	}
	if err != nil {
		t.Fatalf("Vagrant: %v\n%s", err, said)
	}
	t.Logf("Vagrant, %d machines: %s", machines, out)
	var got vagrantTimes
	if err := json.Unmarshal(out, &got); err != nil || got.Up <= 0 || got.Restore <= 0 || got.Tuned <= 0 {
		t.Fatalf("Vagrant: these are not its times: %q (%v)", out, err)
	}
	return got
}

// vagrantScript runs the script, which with its processes ends with the test.
func vagrantScript(t *testing.T, image string, machines, memoryMiB int) (out, said []byte, err error) {
	var o, e bytes.Buffer
	c := exec.CommandContext(t.Context(), "bash", "testdata/vagrant/bench.sh", image, strconv.Itoa(machines), strconv.Itoa(memoryMiB))
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
	c.WaitDelay = time.Minute
	c.Stdout, c.Stderr = &o, &e
	err = c.Run()
	return o.Bytes(), e.Bytes(), err
}
