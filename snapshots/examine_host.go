package snapshots

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strings"

	"github.com/patchlab/patchlab/lab/agent"
)

// needed are the programs that labs cannot do without, with their packages.
var needed = []struct {
	name, pkg string
	status    Status
	what      string
}{
	{"qemu-system-x86_64", "qemu-system-x86", StatusFail, "machines cannot run"},
	{"qemu-img", "qemu-utils", StatusFail, "disks cannot be made"},
	{"mmdebstrap", "mmdebstrap", StatusWarn, "images cannot be built, only imported"},
	{"apt-get", "apt", StatusWarn, "images cannot be built, only imported"},
	{"mke2fs", "e2fsprogs", StatusWarn, "images cannot be built, only imported"},
	{"sfdisk", "fdisk", StatusWarn, "images cannot be built, only imported"},
}

// neededByUsers are those that building as an ordinary user takes.
var neededByUsers = []string{"newuidmap", "newgidmap"}

// programs looks for what is run.
func (h host) programs() []Finding {
	var out []Finding
	for _, n := range needed {
		out = append(out, h.program(n.name, n.pkg, n.status, n.what))
	}
	if h.euid != 0 {
		for _, name := range neededByUsers {
			out = append(out, h.program(name, "uidmap", StatusWarn, "images cannot be built by this user"))
		}
	}
	return out
}

// program looks for one.
func (h host) program(name, pkg string, status Status, what string) Finding {
	f := Finding{Name: name, Status: StatusOK}
	path, err := h.lookPath(name)
	if err != nil {
		f.Status, f.Detail = status, "not installed: "+what
		f.Fix = h.sudo("apt-get install " + pkg)
		return f
	}
	f.Detail = path
	return f
}

// drivers is where distributions keep libvirt's QEMU driver.
var drivers = []string{
	"/usr/lib/x86_64-linux-gnu/libvirt/connection-driver/libvirt_driver_qemu.so",
	"/usr/lib64/libvirt/connection-driver/libvirt_driver_qemu.so",
	"/usr/lib/libvirt/connection-driver/libvirt_driver_qemu.so",
}

// files looks for what is loaded and not run.
func (h host) files() []Finding {
	return []Finding{
		h.anyOf("libvirt's QEMU driver", drivers, StatusFail, "machines cannot run", "libvirt-daemon-driver-qemu"),
		h.anyOf("UEFI firmware", nvramTemplates, StatusWarn, "machines with firmware = \"uefi\" cannot run", "ovmf"),
	}
}

func (h host) anyOf(name string, paths []string, status Status, what, pkg string) Finding {
	for _, p := range paths {
		if h.exists(p) {
			return Finding{Name: name, Status: StatusOK, Detail: p}
		}
	}
	return Finding{Name: name, Status: status, Detail: "not installed: " + what, Fix: h.sudo("apt-get install " + pkg)}
}

// confinement recognises hosts where root's QEMU is shut in by a policy that
// does not know the files patchlab gives it.
func (h host) confinement() []Finding {
	if h.euid != 0 {
		return nil // an ordinary user's QEMU is not confined
	}
	fix := "run patchlab as an ordinary user, or set security_driver = \"none\" in qemu.conf of the libvirt root"
	if b, err := os.ReadFile(h.at("/sys/fs/selinux/enforce")); err == nil && strings.TrimSpace(string(b)) == "1" {
		return []Finding{{Name: "confinement", Status: StatusWarn, Detail: "SELinux is enforcing: it may deny root's machines their files", Fix: fix}}
	}
	b, err := os.ReadFile(h.at("/sys/module/apparmor/parameters/enabled"))
	if err == nil && strings.TrimSpace(string(b)) == "Y" && h.exists("/etc/apparmor.d/libvirt/TEMPLATE.qemu") {
		return []Finding{{Name: "confinement", Status: StatusWarn, Detail: "AppArmor confines root's machines: it may deny them their files", Fix: fix}}
	}
	return []Finding{{Name: "confinement", Status: StatusOK, Detail: "no policy confines QEMU"}}
}

// What a lab of three machines of 512 MiB and its image take.
const (
	usualMemoryMiB = 3 * (512 + overheadMiB)
	usualDiskMiB   = buildMiB + 3*overlayMiB
)

func (h host) memory() []Finding {
	f := Finding{Name: "memory"}
	mem, err := h.mem()
	if err != nil {
		f.Status, f.Detail = StatusFail, err.Error()
		return []Finding{f}
	}
	f.Status, f.Detail = StatusOK, fmt.Sprintf("%d of %d MiB available", mem.AvailableMiB, mem.TotalMiB)
	if mem.AvailableMiB < usualMemoryMiB {
		f.Status = StatusWarn
		f.Detail += fmt.Sprintf(": three machines of 512 MiB need %d MiB", usualMemoryMiB)
	}
	return []Finding{f}
}

// folders looks at where things are kept, without making anything.
func (h host) folders() []Finding {
	home, err := DefaultHome(h.env)
	if err != nil {
		return []Finding{{Name: "home", Status: StatusFail, Detail: err.Error(), Fix: "export PATCHLAB_HOME=/var/tmp/patchlab"}}
	}
	runtime := DefaultRuntime(h.env)
	return []Finding{h.disk(home), h.folder("home", home), h.folder("runtime folder", runtime), h.sockets(runtime)}
}

func (h host) disk(home string) Finding {
	f := Finding{Name: "disk"}
	free, err := h.free(nearest(home))
	if err != nil {
		f.Status, f.Detail = StatusFail, err.Error()
		return f
	}
	freeMiB := int(free >> 20)
	f.Status, f.Detail = StatusOK, fmt.Sprintf("%d MiB free below %s", freeMiB, home)
	if freeMiB < usualDiskMiB {
		f.Status, f.Fix = StatusWarn, "export PATCHLAB_HOME=DIR   (on a larger disk)"
		f.Detail += fmt.Sprintf(": an image and three machines need %d MiB", usualDiskMiB)
	}
	return f
}

// nearest is the nearest folder at or above path that exists.
func nearest(path string) string {
	for {
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			return path
		}
		if path == filepath.Dir(path) {
			return path
		}
		path = filepath.Dir(path)
	}
}

func (h host) folder(name, path string) Finding {
	f := Finding{Name: name, Status: StatusOK, Detail: path}
	o, err := h.qemuUser()
	if err != nil {
		return f // told by users already
	}
	if err := (owner{o}).check(path); err != nil {
		f.Status, f.Detail, f.Fix = StatusFail, err.Error(), hintOf(err)
	}
	return f
}

// sockets looks whether the paths of sockets fit.
func (h host) sockets(runtime string) Finding {
	f := Finding{Name: "socket paths", Status: StatusOK, Detail: "short enough below " + runtime}
	spec := agent.Spec{Dir: "/x/y", RunDir: filepath.Join(runtime, "00000000"), CacheDir: "/x/z", Accel: agent.AccelTCG}
	if err := spec.Check(); err != nil {
		f.Status, f.Detail = StatusFail, err.Error()
		f.Fix = fmt.Sprintf("export XDG_RUNTIME_DIR=/run/user/%d", h.euid)
	}
	return f
}

// userName is this process's user, as /etc/subuid names it.
func userName() string {
	u, err := user.Current()
	if err != nil {
		return fmt.Sprint(os.Geteuid())
	}
	return u.Username
}
