package snapshots

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/diskfs/go-diskfs/backend/file"
	"github.com/diskfs/go-diskfs/filesystem/iso9660"

	"github.com/patchlab/patchlab/lab"
)

// firstBoot is what a machine is told by cloud-init's NoCloud data.
type firstBoot struct {
	InstanceID     string
	Machine        *lab.Machine
	HostKeyPrivate string // OpenSSH's PEM form
	HostKeyPublic  string // as in a .pub file
	AuthorizedKeys []string
}

// files returns the three files of the cidata disk. They are written as JSON,
// which YAML contains: no name in them can change their structure.
// https://cloudinit.readthedocs.io/en/latest/reference/datasources/nocloud.html
func (f firstBoot) files() (map[string][]byte, error) {
	user, err := document(f.userData())
	if err != nil {
		return nil, err
	}
	meta, err := document(map[string]any{
		"instance-id":    f.InstanceID,
		"local-hostname": f.Machine.Name,
	})
	if err != nil {
		return nil, err
	}
	net, err := document(f.networkConfig())
	if err != nil {
		return nil, err
	}
	return map[string][]byte{
		"user-data":      append([]byte("#cloud-config\n"), user...),
		"meta-data":      meta,
		"network-config": net,
	}, nil
}

func document(v any) ([]byte, error) {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("cannot encode first-boot data: %w", err)
	}
	return append(b, '\n'), nil
}

func (f firstBoot) userData() map[string]any {
	return map[string]any{
		"hostname":          f.Machine.Name,
		"fqdn":              f.Machine.Name + "." + f.Machine.NICs[0].Network.Domain,
		"manage_etc_hosts":  "localhost", // Debian's own habit: 127.0.1.1
		"preserve_hostname": false,
		// No default user; root as it is.
		"users":               []any{map[string]any{"name": "root", "lock_passwd": false}},
		"disable_root":        false,
		"ssh_pwauth":          false,
		"ssh_authorized_keys": f.AuthorizedKeys,
		"ssh_deletekeys":      true,
		"ssh_keys": map[string]string{
			"ed25519_private": f.HostKeyPrivate,
			"ed25519_public":  f.HostKeyPublic,
		},
		"package_update":  false,
		"package_upgrade": false,
	}
}

// networkConfig asks the lab's DHCP server on every card. Cards are known by
// their addresses, so it holds for any name that the system gives them.
func (f firstBoot) networkConfig() map[string]any {
	cards := map[string]any{}
	for i, nic := range f.Machine.NICs {
		card := map[string]any{
			"match":           map[string]string{"macaddress": nic.MAC.String()},
			"dhcp4":           true,
			"dhcp6":           false,
			"dhcp-identifier": "mac",
			"link-local":      []string{},
			"accept-ra":       false,
		}
		if i > 0 {
			// The first card alone carries the default route.
			card["dhcp4-overrides"] = map[string]any{"use-routes": false}
		}
		cards[fmt.Sprintf("nic%d", i)] = card
	}
	return map[string]any{"version": 2, "ethernets": cards}
}

// isoBytes is room enough for three small files and the volume's tables.
const isoBytes = 1 << 20

// writeCidata writes the files as an ISO 9660 volume labelled cidata, which
// is how cloud-init finds it on any bus. It holds a private key: mode 0600.
func writeCidata(path string, files map[string][]byte) (err error) {
	fail := func(err error) error { return fmt.Errorf("cannot write first-boot disk %s: %w", path, err) }
	work, err := os.MkdirTemp(filepath.Dir(path), ".cidata-")
	if err != nil {
		return fail(err)
	}
	defer func() { _ = os.RemoveAll(work) }()
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(work, name), data, 0o600); err != nil {
			return fail(err)
		}
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fail(err)
	}
	defer func() {
		if cerr := f.Close(); err == nil && cerr != nil {
			err = fail(cerr)
		}
	}()
	if err := f.Truncate(isoBytes); err != nil {
		return fail(err)
	}
	iso, err := iso9660.Create(file.New(f, false), isoBytes, 0, 2048, work)
	if err != nil {
		return fail(err)
	}
	// ECMA-119 fills the label with spaces; the library would with zeros.
	label := fmt.Sprintf("%-32s", "cidata")
	opts := iso9660.FinalizeOptions{RockRidge: true, Joliet: true, VolumeIdentifier: label}
	if err := iso.Finalize(opts); err != nil {
		return fail(err)
	}
	return nil
}
