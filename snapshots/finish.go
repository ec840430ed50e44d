package snapshots

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// finishLimit is for the boot that installs the boot loader: 25 s under
// emulation on an idle host.
const finishLimit = 10 * time.Minute

// finish boots the image once, to install its boot loader.
func (d *draft) finish(ctx context.Context) error {
	accel, err := d.store.accel()
	if err != nil {
		return err
	}
	console := filepath.Join(d.work, "console.log")
	token := newUUID()
	ctx, cancel := context.WithTimeoutCause(ctx, finishLimit, fmt.Errorf("it took longer than %s", finishLimit))
	defer cancel()
	var said tail
	out := io.MultiWriter(d.log, &said)
	err = ticking(d.p, "installing the boot loader", func() error {
		return d.store.run.Run(ctx, Tool{
			Name: "qemu-system-x86_64", Args: d.finishArgs(accel, console, token),
			Stdout: out, Stderr: out,
		})
	})
	text, rerr := os.ReadFile(console)
	_, _ = d.log.Write(text)
	if err == nil && rerr == nil && strings.Contains(string(text), "patchlab-finish "+token+" 0") {
		return nil
	}
	if err == nil {
		err = errors.New("the image's first boot did not reach its end")
	}
	_, _ = said.Write(text)
	return toolError("install the boot loader of an image", err, &said)
}

func (d *draft) finishArgs(accel, console, token string) []string {
	args := []string{
		"-machine", "q35", "-accel", accel, "-cpu", cpuModel(accel), "-m", "512",
		"-nodefaults", "-no-user-config", "-nic", "none", "-display", "none", "-no-reboot",
		"-sandbox", "on,obsolete=deny,spawn=deny,resourcecontrol=deny",
		"-serial", "file:" + console,
		"-drive", "file=" + qemuValue(d.raw()) + ",format=raw,if=virtio,cache=unsafe,discard=unmap",
		"-kernel", d.kernel(), "-initrd", d.initrd(),
		"-append", fmt.Sprintf("root=UUID=%s rw console=ttyS0 quiet panic=-1 init=/patchlab-finish ESP_ID=%s TOKEN=%s", d.root, d.esp, token),
	}
	if d.store.own.Other {
		args = append(args, "-runas", d.store.own.User)
	}
	return args
}

// cpuModel is what a machine is given: all that the host has, or all that
// emulation has.
func cpuModel(accel string) string {
	if accel == "kvm" {
		return "host"
	}
	return "max"
}

// qemuValue writes a path as a value of QEMU's option lists.
func qemuValue(path string) string { return strings.ReplaceAll(path, ",", ",,") }
