package snapshots

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/crypto/ssh"

	"github.com/patchlab/patchlab/lab/agent"
)

// LoadInstance reads an instance back from its folder. The images are named,
// but need not be there.
func (s *Store) LoadInstance(dir string) (*InstanceFiles, error) {
	fail := func(err error) (*InstanceFiles, error) {
		return nil, fmt.Errorf("cannot read instance %s: %w", dir, err)
	}
	spec, err := agent.ReadSpec(filepath.Join(dir, specFile))
	if err != nil {
		return fail(err)
	}
	if spec.Dir != dir || !validID.MatchString(spec.ID) || filepath.Base(dir) != spec.ID {
		return fail(fmt.Errorf("it describes itself as %s", spec.Dir))
	}
	b, err := os.ReadFile(filepath.Join(dir, filesFile))
	if err != nil {
		return fail(err)
	}
	var rec fileRecord
	if err := json.Unmarshal(b, &rec); err != nil {
		return fail(err)
	}
	f := &InstanceFiles{
		Spec: spec, Created: rec.Created, ClientKeyPath: rec.ClientKey,
		KnownHostsPath: filepath.Join(dir, knownHosts),
		HostKeys:       map[string]ssh.PublicKey{}, Images: map[string]Image{}, Ready: rec.Ready,
	}
	if f.ClientKey, err = readSigner(rec.ClientKey); err != nil {
		return fail(err)
	}
	for name, text := range rec.HostKeys {
		key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(text))
		if err != nil {
			return fail(fmt.Errorf("host key of machine %q: %w", name, err))
		}
		f.HostKeys[name] = key
	}
	for name, sum := range rec.Images {
		img, err := s.image(sum)
		if err != nil {
			img = Image{SHA256: sum}
		}
		f.Images[name] = img
	}
	return f, nil
}

// Instances lists the instances of all labs, oldest first, running or not.
// What is half made or cannot be read is left out: Stale finds it.
func (s *Store) Instances(ctx context.Context) ([]*InstanceFiles, error) {
	dirs, err := s.instanceDirs()
	if err != nil {
		return nil, err
	}
	var list []*InstanceFiles
	for _, dir := range dirs {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if f, err := s.LoadInstance(dir); err == nil {
			list = append(list, f)
		}
	}
	slices.SortStableFunc(list, func(a, b *InstanceFiles) int { return a.Created.Compare(b.Created) })
	return list, nil
}

// instanceDirs lists the folders of all instances, sorted. Links are not
// followed.
func (s *Store) instanceDirs() ([]string, error) {
	labs, err := os.ReadDir(s.labsDir())
	if err != nil {
		return nil, fmt.Errorf("cannot list labs: %w", err)
	}
	var dirs []string
	for _, l := range labs {
		if !l.IsDir() {
			continue
		}
		parent := filepath.Join(s.labsDir(), l.Name(), "instances")
		if info, err := os.Lstat(parent); err != nil || !info.IsDir() {
			continue
		}
		entries, err := os.ReadDir(parent)
		if err != nil {
			return nil, fmt.Errorf("cannot list instances: %w", err)
		}
		for _, e := range entries {
			if e.IsDir() && validID.MatchString(e.Name()) {
				dirs = append(dirs, filepath.Join(parent, e.Name()))
			}
		}
	}
	return dirs, nil
}
