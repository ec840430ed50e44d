package snapshots

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// recipeVersion is raised when what the recipe makes changes otherwise than by
// its scripts and packages, which are part of the key themselves: images of an
// older recipe are built anew.
const recipeVersion = 1

// basePackages are in every image: what boots, what patchlab speaks to, and
// what a server's administrator expects.
var basePackages = []string{
	"ca-certificates", "cloud-init", "dbus", "dosfstools", "grub-efi-amd64-bin",
	"grub-pc-bin", "grub2-common", "iproute2", "iputils-ping",
	"linux-image-cloud-amd64", "locales", "netplan.io", "openssh-server",
	"openssh-sftp-server", "procps", "rsync", "sudo", "systemd-resolved",
	"systemd-sysv", "udev",
}

// recipeKey names what an image is built by: equal recipes have equal keys.
func recipeKey(b *lab.Build) string {
	sorted := *b
	sorted.Packages = sortedSet(b.Packages)
	sorted.Pockets = sortedSet(b.Pockets)
	text, err := json.Marshal(struct {
		Version  int
		Scripts  []string
		Packages []string
		Build    lab.Build
	}{recipeVersion, []string{setupScript, diskScript, finishScript}, basePackages, sorted})
	if err != nil {
		panic(err) // strings and numbers alone
	}
	sum := sha256.Sum256(text)
	return "build-" + hex.EncodeToString(sum[:])
}

func sortedSet(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return slices.Compact(list)
}

// layout is how an image's disk is divided: a GPT that both firmwares boot
// from. The root file system is last, so that it can grow.
type layout struct {
	MiB int // size of the disk
}

const (
	biosStartMiB = 1  // of the partition that holds GRUB's second stage
	espStartMiB  = 2  // of the EFI system partition
	rootStartMiB = 66 // of the root file system
	tailMiB      = 1  // for the table's second copy
	minDiskMiB   = 1024
)

func (l layout) rootMiB() int { return l.MiB - rootStartMiB - tailMiB }

// script is what sfdisk reads. Sizes are in sectors of 512 bytes.
func (l layout) script() string {
	const mib = 2048
	return fmt.Sprintf(`label: gpt
unit: sectors
start=%d, size=%d, type=21686148-6449-6E6F-744E-656564454649, name=bios
start=%d, size=%d, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, name=esp
start=%d, size=%d, type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709, name=root
`, biosStartMiB*mib, (espStartMiB-biosStartMiB)*mib,
		espStartMiB*mib, (rootStartMiB-espStartMiB)*mib,
		rootStartMiB*mib, l.rootMiB()*mib)
}

// bootstrapArgs are mmdebstrap's arguments. Nothing of them comes from a
// machine; packages and sources go in as single words and are no shell text.
// Kernel and initrd are where the two files are to be put.
func bootstrapArgs(b *lab.Build, root bool, sources []aptSource, kernel, initrd string) []string {
	mode := "unshare"
	if root {
		mode = "root"
	}
	args := []string{
		"--mode=" + mode,
		"--variant=minbase",
		"--format=null",
		"--architectures=amd64",
		// A tree that a power cut spoils is built again: no fsync for each file.
		"--dpkgopt=force-unsafe-io",
		// The tree is thrown away: cleaning it up would be waste.
		"--skip=cleanup/apt,cleanup/mmdebstrap,cleanup/reproducible",
		"--include=" + strings.Join(sortedSet(append(slices.Clone(basePackages), b.Packages...)), ","),
		"--customize-hook=" + setupScript,
		"--customize-hook=download /patchlab-vmlinuz " + hookWord(kernel),
		"--customize-hook=download /patchlab-initrd " + hookWord(initrd),
		"--customize-hook=" + diskScript,
		b.Release, "/dev/null",
	}
	for _, src := range sources {
		args = append(args, src.line())
	}
	return args
}

// hookWord quotes a path for the word splitting of mmdebstrap's own hooks,
// which follows that of a shell.
func hookWord(path string) string {
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
