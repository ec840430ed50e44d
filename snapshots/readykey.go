package snapshots

import (
	"bytes"
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/agent"
)

// Part is one of the things that shaped a ready state. What only decides how a
// run goes, such as checks and patches, shapes nothing.
type Part struct {
	Name string `json:"name"` // for the user, unique: "machine web"
	// Sum tells two versions of the part apart and nothing else: a set-up may
	// hold secrets, which nobody can guess from it without hostKey.Salt.
	Sum string `json:"sum"` // HMAC-SHA-256, 64 hex digits
}

// hostKey is what of this host shapes a ready state.
type hostKey struct {
	Accel  string // agent.AccelKVM or agent.AccelTCG
	Memory string // see memoryMethod
	QEMU   string // qemuInfo.Version: a machine's devices fit only the QEMU that saved them
	CPU    string // see processorKey
	SSH    string // the lab's public key, which machines let in
	Salt   []byte // secret of this host; never empty
}

// The parts of a lab in the order in which they are encoded: renaming a field
// makes every ready state a stranger.
type (
	machineShape struct {
		OS                      lab.OS
		MemoryMiB, CPUs         int
		Firmware, Bus, NICModel string
		DiskMiB                 []int
		NICs                    []nicShape
		DependsOn               []string // sorted: a machine waits for all of them
	}
	nicShape struct {
		Network, MAC, Address string
		Names                 []string
	}
	setupShape struct {
		Run     []string
		Uploads []uploadShape // in order: a later one may replace an earlier one's file
	}
	uploadShape struct{ Dest, Sum string }
)

// readyParts returns what a ready state of l on this host is shaped by, sorted
// by name. Images has the image of every machine. A file of a set-up that
// cannot be read is a *lab.UsageError.
func readyParts(l *lab.Lab, images map[*lab.Image]Image, host hostKey) ([]Part, error) {
	if len(host.Salt) == 0 {
		return nil, errors.New("cannot name the ready state: this host has no salt for it")
	}
	shapes := map[string]any{
		"patchlab's format": readyVersion,
		"accelerator":       host.Accel,
		"memory method":     host.Memory,
		"QEMU":              host.QEMU,
		"processor":         host.CPU,
		"SSH key":           host.SSH,
	}
	for _, c := range networkConfigs(l) {
		shapes["network "+c.Name] = c
	}
	for _, m := range l.Machines {
		sum := images[m.Image].SHA256
		if sum == "" {
			return nil, fmt.Errorf("cannot name the ready state: the image of machine %q is not known", m.Name)
		}
		shapes["image of "+m.Name], shapes["machine "+m.Name] = sum, shapeOf(m)
		if m.Setup == nil {
			continue
		}
		setup, err := setupShapeOf(m)
		if err != nil {
			return nil, err
		}
		shapes["set-up of "+m.Name] = setup
	}
	parts := make([]Part, 0, len(shapes))
	for name, shape := range shapes {
		text, err := json.Marshal(shape)
		if err != nil {
			return nil, fmt.Errorf("cannot name the ready state: %w", err)
		}
		mac := hmac.New(sha256.New, host.Salt)
		_, _ = fmt.Fprintf(mac, "%s\x00%s", name, text)
		parts = append(parts, Part{Name: name, Sum: hex.EncodeToString(mac.Sum(nil))})
	}
	slices.SortFunc(parts, byName)
	return parts, nil
}

func byName(a, b Part) int { return cmp.Compare(a.Name, b.Name) }

func shapeOf(m *lab.Machine) machineShape {
	s := machineShape{
		OS: m.Image.OS, MemoryMiB: m.MemoryMiB, CPUs: m.CPUs,
		Firmware: string(m.Firmware), Bus: string(m.Bus), NICModel: string(m.NICModel),
	}
	for _, d := range m.Disks {
		s.DiskMiB = append(s.DiskMiB, d.SizeMiB)
	}
	for _, n := range m.NICs {
		s.NICs = append(s.NICs, nicShape{n.Network.Name, n.MAC.String(), n.Address.String(), n.Names})
	}
	for _, d := range m.DependsOn {
		s.DependsOn = append(s.DependsOn, d.Name)
	}
	slices.Sort(s.DependsOn)
	return s
}

func setupShapeOf(m *lab.Machine) (setupShape, error) {
	s := setupShape{Run: m.Setup.Run}
	for _, u := range m.Setup.Uploads {
		sum, err := uploadSum(u.Source)
		if err != nil {
			return setupShape{}, &lab.UsageError{Err: fmt.Errorf("cannot read what the set-up of machine %q uploads: %w", m.Name, err)}
		}
		s.Uploads = append(s.Uploads, uploadShape{u.Dest, sum})
	}
	return s, nil
}

// uploadSum hashes what lab.Guest.Upload copies of src: the bytes of files,
// followed through symbolic links, and, in a directory, names and whether
// files are executable.
func uploadSum(src string) (string, error) {
	info, err := os.Stat(src)
	if err != nil {
		return "", err
	}
	if !info.IsDir() {
		return fileSum(src)
	}
	h := sha256.New()
	err = filepath.WalkDir(src, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(src, path)
		if err != nil {
			return err
		}
		kind, sum := "folder", ""
		if !e.IsDir() {
			info, err := os.Stat(path)
			if err != nil {
				return err
			}
			kind = "file"
			if info.Mode()&0o100 != 0 {
				kind = "program"
			}
			if sum, err = fileSum(path); err != nil {
				return err
			}
		}
		_, err = fmt.Fprintf(h, "%s\x00%s\x00%s\x00", kind, rel, sum)
		return err
	})
	return hex.EncodeToString(h.Sum(nil)), err
}

func fileSum(path string) (string, error) {
	// Before it is opened: that of a named pipe would wait for a writer.
	if info, err := os.Stat(path); err != nil {
		return "", err
	} else if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is neither a file nor a directory", path)
	}
	f, err := os.Open(filepath.Clean(path))
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	_, err = io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), err
}

// readyKey names the ready state that is shaped by parts: 64 hex digits.
func readyKey(parts []Part) string {
	h := sha256.New()
	for _, p := range slices.SortedFunc(slices.Values(parts), byName) {
		_, _ = fmt.Fprintf(h, "%s\x00%s\x00", p.Name, p.Sum)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// changedParts says what has changed from one ready state to another, sorted,
// in words: "set-up of db changed", "machine desk is new".
func changedParts(old, now []Part) []string {
	was := map[string]string{}
	for _, p := range old {
		was[p.Name] = p.Sum
	}
	var out []string
	for _, p := range now {
		sum, had := was[p.Name]
		delete(was, p.Name)
		switch {
		case !had:
			out = append(out, p.Name+" is new")
		case sum != p.Sum:
			out = append(out, p.Name+" changed")
		}
	}
	for name := range was {
		out = append(out, name+" is gone")
	}
	slices.Sort(out)
	return out
}

// processorKey tells processors apart on which a machine's saved state differs:
// under KVM it holds what the processor can do. Emulated ones are all the
// same: "".
func processorKey(accel, cpuinfo string) (string, error) {
	if accel != agent.AccelKVM {
		return "", nil
	}
	b, err := os.ReadFile(filepath.Clean(cpuinfo))
	if err != nil {
		return "", fmt.Errorf("cannot look at the processor: %w", err)
	}
	h := sha256.New()
	first, _, _ := bytes.Cut(b, []byte("\n\n")) // all of a host are alike
	for line := range bytes.Lines(first) {
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch string(bytes.TrimSpace(name)) {
		case "vendor_id", "cpu family", "model", "model name", "flags":
			_, _ = fmt.Fprintf(h, "%s\x00", bytes.TrimSpace(value))
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
