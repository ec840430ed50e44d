package ledger

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/patchlab/patchlab/lab"
)

// key makes an SSH key.
func key(t *testing.T, kind, passphrase string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key")
	if out, err := exec.CommandContext(t.Context(), "ssh-keygen", "-q", "-t", kind, "-b", map[string]string{"rsa": "2048", "ecdsa": "256", "ed25519": "256"}[kind], "-N", passphrase, "-C", "test", "-f", path).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

// signers makes an allowed_signers file; options come before the key.
func signers(t *testing.T, options string, keys ...string) string {
	t.Helper()
	var text strings.Builder
	for _, k := range keys {
		pub, err := os.ReadFile(k + ".pub")
		must(t, err)
		text.WriteString("jane@example.com " + options + " " + string(pub))
	}
	path := filepath.Join(t.TempDir(), "allowed_signers")
	must(t, os.WriteFile(path, []byte(text.String()), 0o600))
	return path
}

// foundBy is found with the operators' keys.
func (h *home) foundBy(t *testing.T, signers, text string) {
	t.Helper()
	v, err := h.Verify(t.Context(), signers)
	must(t, err)
	if !slices.ContainsFunc(v.Problems, func(p Problem) bool { return strings.Contains(p.String(), text) }) || !v.Trusted {
		t.Errorf("problems %v; want one with %q", v.Problems, text)
	}
}

func TestSeal(t *testing.T) {
	h := newHome(t)
	h.SealKey = key(t, "ed25519", "")
	rec := h.run(t, "dental", 1, lab.Pass)
	h.decide(t, Approve, rec, time.Time{})
	if v := h.sound(t, 0); v.Seals != 3 || v.Unsealed != 0 {
		t.Errorf("verified %+v", v)
	}
	good := signers(t, `namespaces="patchlab-ledger"`, h.SealKey)
	v, err := h.Verify(t.Context(), good)
	must(t, err)
	if len(v.Problems) > 0 || !v.Trusted || v.Seals != 3 {
		t.Errorf("verified %+v", v)
	}
	h.foundBy(t, signers(t, "", key(t, "ed25519", "")), "entry 2: seals/2.sig: the seal does not hold: it is of a key that the operators' list does not have")
	h.foundBy(t, signers(t, `namespaces="other"`, h.SealKey), "the seal does not hold")
	h.foundBy(t, signers(t, `valid-before="20200101"`, h.SealKey), "the seal does not hold")

	// What the package says of checking one with stock tools.
	out, err := exec.CommandContext(t.Context(), "sh", "-c",
		`sed -n 2p entries.jsonl | ssh-keygen -Y verify -f "$1" -I jane@example.com -n patchlab-ledger -s seals/2.sig`, "sh", good).CombinedOutput()
	if err == nil {
		t.Errorf("the wrong folder: %s", out)
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-c",
		`sed -n 2p entries.jsonl | ssh-keygen -Y verify -f "$1" -I jane@example.com -n patchlab-ledger -s seals/2.sig`, "sh", good)
	cmd.Dir = h.Dir
	if out, err := cmd.CombinedOutput(); err != nil || !strings.HasPrefix(string(out), "Good") {
		t.Errorf("%v: %s", err, out)
	}
}

// TestSealAltered alters each byte of a seal, moves seals and makes whole new
// ledgers.
func TestSealAltered(t *testing.T) {
	h := newHome(t)
	h.SealKey = key(t, "ed25519", "")
	operators := signers(t, "", h.SealKey)
	h.run(t, "dental", 1, lab.Pass)
	seal := func(n int) string { return filepath.Join(h.Dir, sealPath(n)) }
	h.flip(t, seal(2))
	text, err := os.ReadFile(seal(2))
	must(t, err)
	for _, other := range []string{"", string(text) + "\n", string(text) + string(text), strings.ReplaceAll(string(text), "\n", "\r\n"), strings.Repeat("x", maxSmall+1)} {
		must(t, os.WriteFile(seal(2), []byte(other), 0o600))
		h.found(t, "entry 2: seals/2.sig: the seal does not hold")
	}
	must(t, os.WriteFile(seal(1), text, 0o600))
	h.found(t, "entry 1: seals/1.sig: the seal does not hold")
	for _, name := range []string{"3.sig", "02.sig", "x", "2.sig.old", "0.sig"} {
		must(t, os.WriteFile(filepath.Join(h.Dir, sealsDir, name), text, 0o600))
		h.found(t, "seals/"+name+": is of no entry")
		must(t, os.Remove(filepath.Join(h.Dir, sealsDir, name)))
	}
	// A whole new ledger, with somebody else's key.
	must(t, os.RemoveAll(h.Dir))
	h.SealKey = key(t, "ed25519", "")
	h.run(t, "dental", 1, lab.Pass)
	h.sound(t, 0)
	h.foundBy(t, operators, "it is of a key that the operators' list does not have")
	must(t, os.Remove(seal(1)))
	if v := h.sound(t, 1); v.Unsealed != 1 || v.Notes[0].Seq != 1 {
		t.Errorf("verified %+v", v)
	}
}

func TestSealKeys(t *testing.T) {
	for _, kind := range []string{"rsa", "ecdsa"} {
		h := newHome(t)
		h.SealKey = key(t, kind, "")
		h.run(t, "dental", 1, lab.Pass)
		v, err := h.Verify(t.Context(), signers(t, "", h.SealKey))
		must(t, err)
		if len(v.Problems) > 0 || v.Seals != 2 {
			t.Errorf("%s: verified %+v", kind, v)
		}
	}
}

// TestSealFails has keys that cannot be had: the entry is in all the same, and
// is sealed with the next one.
func TestSealFails(t *testing.T) {
	h := newHome(t)
	good := key(t, "ed25519", "")
	h.SealKey = good
	h.run(t, "dental", 1, lab.Pass)
	for n, bad := range []string{key(t, "ed25519", "hunter22"), filepath.Join(t.TempDir(), "none")} {
		h.SealKey = bad
		rec := h.record(t, "dental", n+2, lab.Pass)
		start := time.Now()
		e, err := h.Enter(rec)
		if se, ok := errors.AsType[*SealError](err); !ok || e.Seq == 0 || !strings.Contains(se.Error(), "cannot seal entry 3") {
			t.Errorf("entry %+v, error %v", e, err)
		}
		if d := time.Since(start); d > sealTime {
			t.Errorf("it waited %s for a passphrase", d)
		}
		if strings.Contains(err.Error(), "hunter22") || strings.ContainsAny(err.Error(), "\n\r") {
			t.Errorf("error %q", err)
		}
	}
	v := h.sound(t, 1)
	if v.Seals != 2 || v.Unsealed != 2 || v.Notes[0].Seq != 3 {
		t.Errorf("verified %+v", v)
	}
	h.SealKey = good
	h.run(t, "dental", 5, lab.Pass)
	if v := h.sound(t, 0); v.Seals != 5 {
		t.Errorf("verified %+v", v)
	}
}

// TestSealLate begins to seal a ledger that was not sealed so far.
func TestSealLate(t *testing.T) {
	h := newHome(t)
	h.run(t, "dental", 1, lab.Pass)
	h.SealKey = key(t, "ed25519", "")
	h.run(t, "dental", 2, lab.Pass)
	if v := h.sound(t, 1); v.Seals != 1 || v.Unsealed != 2 {
		t.Errorf("verified %+v", v)
	}
}

func TestSealWithoutTool(t *testing.T) {
	h := newHome(t)
	h.SealKey = key(t, "ed25519", "")
	h.run(t, "dental", 1, lab.Pass)
	t.Setenv("PATH", t.TempDir())
	_, err := h.Verify(t.Context(), "")
	if host, ok := errors.AsType[*lab.HostError](err); !ok || host.Hint != "install openssh-client" {
		t.Errorf("error %v", err)
	}
	e, err := h.Enter(h.record(t, "dental", 2, lab.Pass))
	if _, ok := errors.AsType[*SealError](err); !ok || e.Seq != 3 {
		t.Errorf("entry %+v, error %v", e, err)
	}
}

// TestSealHangs has a ssh-keygen that waits for ever, with a child of its own.
func TestSealHangs(t *testing.T) {
	bin := t.TempDir()
	must(t, os.WriteFile(filepath.Join(bin, "ssh-keygen"), []byte("#!/bin/sh\nsleep 600 & wait\n"), 0o700))
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	start := time.Now()
	if _, err := sshKeygen(ctx, nil, "-Y", "sign"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	if d := time.Since(start); d > sealTime {
		t.Errorf("it took %s to end it", d)
	}
}
