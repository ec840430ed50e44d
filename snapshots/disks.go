package snapshots

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/agent"
)

// makeDisks makes the disks of machine m: the overlay it boots from, its
// empty data disks, and what cloud-init reads at the first boot.
func (s *Store) makeDisks(ctx context.Context, f *InstanceFiles, m *lab.Machine, host keyPair) ([]agent.DiskSpec, error) {
	dir := f.Spec.Dir
	system := filepath.Join(dir, m.Name+".qcow2")
	if err := s.overlay(ctx, f.Images[m.Name], system); err != nil {
		return nil, err
	}
	disks := []agent.DiskSpec{{Path: system, Format: "qcow2"}}
	for i, d := range m.Disks {
		data := filepath.Join(dir, fmt.Sprintf("%s-data%d.qcow2", m.Name, i+1))
		if err := s.emptyDisk(ctx, data, d.SizeMiB); err != nil {
			return nil, err
		}
		disks = append(disks, agent.DiskSpec{Path: data, Format: "qcow2"})
	}
	files, err := firstBoot{
		InstanceID: f.Spec.ID + "-" + m.Name, Machine: m,
		HostKeyPrivate: string(host.private), HostKeyPublic: line(host.public),
		AuthorizedKeys: []string{line(f.ClientKey.PublicKey())},
	}.files()
	if err != nil {
		return nil, err
	}
	cidata := filepath.Join(dir, m.Name+"-cidata.iso")
	if err := writeCidata(cidata, files); err != nil {
		return nil, err
	}
	disks = append(disks, agent.DiskSpec{Path: cidata, Format: "raw", ReadOnly: true})
	return disks, s.own.give(cidata, 0o400)
}

// overlay makes a disk that holds what differs from an image, at first
// nothing.
func (s *Store) overlay(ctx context.Context, img Image, path string) error {
	return s.newDisk(ctx, path, "-b", img.Path, "-F", img.Format, path)
}

func (s *Store) emptyDisk(ctx context.Context, path string, sizeMiB int) error {
	return s.newDisk(ctx, path, path, fmt.Sprintf("%dM", sizeMiB))
}

func (s *Store) newDisk(ctx context.Context, path string, args ...string) error {
	var said tail
	err := s.run.Run(ctx, Tool{
		Name: "qemu-img", Args: append([]string{"create", "-q", "-f", "qcow2"}, args...),
		Stdout: &said, Stderr: &said,
	})
	if err != nil {
		return toolError("make a disk", err, &said)
	}
	return s.own.give(path, 0o600)
}

// nvramTemplates are the empty UEFI variables of Debian and Ubuntu, Fedora
// and RHEL, and Arch: those that belong to the firmware without Secure Boot
// of 4 MiB.
var nvramTemplates = []string{
	"/usr/share/OVMF/OVMF_VARS_4M.fd",
	"/usr/share/edk2/ovmf/OVMF_VARS_4M.fd",
	"/usr/share/edk2/x64/OVMF_VARS.4m.fd",
}

// nvramTemplate returns the first of them that this host has.
func nvramTemplate() (string, error) {
	for _, path := range nvramTemplates {
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", &lab.HostError{
		Op:   "start machines with firmware = \"uefi\"",
		Err:  fmt.Errorf("the firmware's files are not there: none of %v", nvramTemplates),
		Hint: "apt-get install ovmf",
	}
}

// makeNVRAM gives a machine UEFI variables of its own.
func (s *Store) makeNVRAM(path string) (err error) {
	template, err := nvramTemplate()
	if err != nil {
		return err
	}
	src, err := os.Open(template)
	if err != nil {
		return fmt.Errorf("cannot read UEFI variables: %w", err)
	}
	defer func() { _ = src.Close() }()
	dst, err := os.OpenFile(filepath.Clean(path), os.O_WRONLY|os.O_CREATE|os.O_EXCL, fs.FileMode(0o600))
	if err != nil {
		return fmt.Errorf("cannot write UEFI variables: %w", err)
	}
	if _, err = io.Copy(dst, src); err != nil {
		err = fmt.Errorf("cannot write UEFI variables: %w", err)
	}
	if err := errors.Join(err, dst.Close()); err != nil {
		return err
	}
	return s.own.give(path, 0o600)
}
