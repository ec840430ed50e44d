package ledger

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/patchlab/patchlab/lab"
)

// Namespace is the namespace of seals, as ssh-keygen -n wants it.
const Namespace = "patchlab-ledger"

// sealTime is how long one call of ssh-keygen may take: an agent may ask its
// user, who sleeps.
const sealTime = 30 * time.Second

// SealError says that an entry is in the ledger, and its seal could not be
// made.
type SealError struct {
	Seq int
	Err error
}

// Error names the entry and the cause.
func (e *SealError) Error() string { return fmt.Sprintf("cannot seal entry %d: %v", e.Seq, e.Err) }

// Unwrap returns the cause.
func (e *SealError) Unwrap() error { return e.Err }

// seal seals what was added, and what was left without a seal just before. It
// stops at the first entry that cannot be sealed, with a *SealError: the
// entries count all the same, and the next that adds one tries again.
func (w *writer) seal() error {
	if w.g.SealKey == "" {
		return nil
	}
	for _, l := range append(w.missed(), w.unsealed...) {
		if err := w.sealLine(l); err != nil {
			return &SealError{Seq: l.n, Err: err}
		}
	}
	w.unsealed = nil
	return nil
}

// missed are the entries since the newest sealed one that have no seal, because
// the process died or the key was not to be had. There is a limit to what is
// made up for; a ledger that was not sealed so far is not sealed belatedly.
func (w *writer) missed() (list []line) {
	const most = 100
	added := len(w.own().lines) - len(w.unsealed)
	for n := added; n > max(0, added-most); n-- {
		if _, err := os.Lstat(w.path(sealPath(n))); err == nil {
			slices.Reverse(list)
			return list
		}
		list = append(list, line{book: w.own(), n: n, text: w.own().lines[n-1]})
	}
	return nil
}

func (w *writer) sealLine(l line) error {
	if err := w.step("seal"); err != nil {
		return err
	}
	if err := os.MkdirAll(w.path(sealsDir), 0o700); err != nil {
		return err
	}
	out, err := sshKeygen(context.Background(), sealed(l.text), "-Y", "sign", "-f", w.g.SealKey, "-n", Namespace)
	if err != nil {
		return err
	}
	text, err := armor(out)
	if err != nil {
		return err
	}
	return replaceFile(w.path(sealPath(l.n)), text)
}

func sealPath(n int) string { return filepath.Join(sealsDir, fmt.Sprintf("%d.sig", n)) }

// sealed is what a seal is made of: the line with its line end.
func sealed(line []byte) []byte { return append(line[:len(line):len(line)], '\n') }

const (
	armorBegin = "-----BEGIN SSH SIGNATURE-----\n"
	armorEnd   = "-----END SSH SIGNATURE-----\n"
	armorWidth = 70
)

// armor returns a seal in the one way that it is written: as ssh-keygen does.
// It reads over some bytes of the text; so they could be altered unseen.
func armor(text []byte) ([]byte, error) {
	inner, ok := strings.CutPrefix(string(text), armorBegin)
	inner, _, closed := strings.Cut(inner, strings.TrimSuffix(armorEnd, "\n"))
	blob, err := base64.StdEncoding.Strict().DecodeString(strings.ReplaceAll(inner, "\n", ""))
	if !ok || !closed || err != nil {
		return nil, errors.New("it is no SSH signature")
	}
	var out bytes.Buffer
	out.WriteString(armorBegin)
	for rest := base64.StdEncoding.EncodeToString(blob); rest != ""; {
		n := min(armorWidth, len(rest))
		out.WriteString(rest[:n] + "\n")
		rest = rest[n:]
	}
	out.WriteString(armorEnd)
	return out.Bytes(), nil
}

// refusedError is what ssh-keygen says when it does not do what is wanted.
type refusedError struct {
	said string // untrusted
	err  error
}

func (e *refusedError) Error() string {
	if e.said == "" {
		return "ssh-keygen: " + e.err.Error()
	}
	return "ssh-keygen: " + e.said
}

func (e *refusedError) Unwrap() error { return e.err }

// sshKeygen runs ssh-keygen with input and returns its output. It has no
// terminal and no display to ask anybody for a passphrase. A *refusedError is
// its own refusal; another error kept it from being asked.
func sshKeygen(ctx context.Context, input []byte, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, sealTime, fmt.Errorf("ssh-keygen gave no answer within %s", sealTime))
	defer cancel()
	cmd := exec.CommandContext(ctx, "ssh-keygen", args...) //nolint:gosec // G204: no shell; the arguments are paths and words of ours
	cmd.Stdin = bytes.NewReader(input)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	cmd.Env = append(os.Environ(), "SSH_ASKPASS_REQUIRE=never", "DISPLAY=", "WAYLAND_DISPLAY=", "LC_ALL=C", "TZ=UTC")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 2 * time.Second
	err := cmd.Run()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		text := strings.ReplaceAll(strings.TrimSpace(said.String()+out.String()), "\n", "; ")
		return nil, &refusedError{said: lab.Printable(text, 400), err: exit}
	}
	return out.Bytes(), err
}

// checkSeal says what is wrong with the seal of a line; nil when it is in
// order. With signers it must be of one of them, whose key was valid when the
// entry was made. The error is what kept it from looking.
func checkSeal(ctx context.Context, path string, text, line []byte, when time.Time, signers string) (wrong, err error) {
	want, wrong := armor(text)
	if wrong == nil && !bytes.Equal(want, text) {
		wrong = errors.New("it was altered: ssh-keygen does not write it like this")
	}
	if wrong != nil {
		return wrong, nil
	}
	refused := func(err error) (wrong, _ error) {
		if no, ok := errors.AsType[*refusedError](err); ok {
			return no, nil
		}
		return nil, err
	}
	if _, err := sshKeygen(ctx, sealed(line), "-Y", "check-novalidate", "-n", Namespace, "-s", path); err != nil || signers == "" {
		return refused(err)
	}
	at := "-Overify-time=" + when.UTC().Format("20060102150405") // of this time zone, which is UTC for it
	out, err := sshKeygen(ctx, nil, "-Y", "find-principals", at, "-f", signers, "-s", path)
	if err != nil {
		if wrong, err := refused(err); err != nil {
			return nil, err
		} else {
			return fmt.Errorf("it is of a key that the operators' list does not have (%w)", wrong), nil
		}
	}
	who, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	_, err = sshKeygen(ctx, sealed(line), "-Y", "verify", at, "-f", signers, "-I", who, "-n", Namespace, "-s", path)
	return refused(err)
}
