package snapshots

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"

	"github.com/patchlab/patchlab/lab"
)

// usable returns the ready state that want describes, where it is there and its
// files are what they were; else nil.
func (e *Engine) usable(ctx context.Context, want *readyState, p lab.Progress) *readyState {
	dir := filepath.Join(e.Store.readyDir(want.Lab), want.Key)
	have, err := loadReady(dir)
	if err != nil {
		return nil
	}
	changed := have.changedLayers(ctx, false, lab.Quiet(p))
	if len(changed) == 0 {
		return have
	}
	if e.Say != nil && ctx.Err() == nil {
		e.Say("the ready state is made anew: " + changed[0])
	}
	return nil
}

// wantReady describes the ready state that l needs now. Where there is none
// that can be used, its lock is held when it returns: it is made once, even
// when several processes want it.
func (e *Engine) wantReady(ctx context.Context, l *lab.Lab, p lab.Progress) (_ *readyState, unlock func(), err error) {
	images, err := e.Store.ensureImages(ctx, l, lab.Quiet(p))
	if err != nil {
		return nil, nil, err
	}
	if _, _, err := e.Store.clientKey(ctx, l.Name); err != nil {
		return nil, nil, err
	}
	r, why, err := e.Store.describeReady(ctx, l, images, e.Accel)
	if err != nil {
		return nil, nil, err
	}
	if why != "" && e.Say != nil {
		e.Say("memory is not forked but restored, which takes longer: " + why)
	}
	if have := e.usable(ctx, r, p); have != nil {
		return have, func() {}, nil
	}
	unlock, err = e.Store.lock(ctx, "ready-"+r.Key, p, fmt.Sprintf("waiting for another patchlab that makes the ready state of lab %q", l.Name))
	return r, unlock, err
}

// describeReady tells what the ready state of l is to be, and why its memory
// cannot be forked where it cannot.
func (s *Store) describeReady(ctx context.Context, l *lab.Lab, images map[*lab.Image]Image, accel string) (_ *readyState, why string, err error) {
	info, err := s.probeQEMU(ctx)
	if err != nil {
		return nil, "", err
	}
	method, why, err := memoryMethod(info, os.Getenv)
	if err != nil {
		return nil, "", err
	}
	salt, err := s.salt(ctx)
	if err != nil {
		return nil, "", err
	}
	cpu, err := processorKey(accel, "/proc/cpuinfo")
	if err != nil {
		return nil, "", err
	}
	// Missing: it is made with the first instance.
	pub, err := os.ReadFile(filepath.Join(s.labsDir(), l.Name, clientKeyID+".pub"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, "", fmt.Errorf("cannot read the lab's SSH key: %w", err)
	}
	parts, err := readyParts(l, images, hostKey{
		Accel: accel, Memory: method, QEMU: info.Version, CPU: cpu, Salt: salt, SSH: string(pub),
	})
	if err != nil {
		return nil, "", err
	}
	return &readyState{
		Version: readyVersion, Key: readyKey(parts), Lab: l.Name, LabDir: l.Dir, Parts: parts, Accel: accel, Memory: method,
	}, why, nil
}

// salt is this store's secret, which keeps the keys of ready states from
// telling what is in set-up commands. It is made when first asked for.
func (s *Store) salt(ctx context.Context) ([]byte, error) {
	path := filepath.Join(s.home, "salt")
	unlock, err := s.lock(ctx, "salt", nil, "")
	if err != nil {
		return nil, err
	}
	defer unlock()
	b, err := os.ReadFile(path)
	if err == nil && len(b) == 32 {
		return b, nil
	}
	b = make([]byte, 32)
	_, _ = rand.Read(b) // never fails
	if err := renameio.WriteFile(path, b, 0o600); err != nil {
		return nil, fmt.Errorf("cannot write the store's salt: %w", err)
	}
	return b, nil
}
