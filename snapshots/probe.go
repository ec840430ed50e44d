package snapshots

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/google/renameio/v2"

	"github.com/patchlab/patchlab/lab"
)

// Ways in which the memory of a ready state comes into an instance.
const (
	memoryFork    = "fork"    // its file is mapped, copy-on-write
	memoryRestore = "restore" // it is read from a save file
)

const (
	qemuProgram = "qemu-system-x86_64"
	// probeLimit is for starting QEMU and asking it; 0.2 s on an idle host.
	probeLimit = time.Minute
)

// qemuInfo is what this host's QEMU is able to.
type qemuInfo struct {
	Version     string `json:"version"` // with the distribution's: "7.2.22 (Debian 1:7.2+dfsg-7)"
	MemoryForks bool   `json:"memory_forks"`
	Why         string `json:"why,omitempty"` // one sentence: why memory cannot be forked
}

// qemuNote remembers what was found out, for as long as the program is the
// same file.
type qemuNote struct {
	Program sourceNote `json:"program"`
	Info    qemuInfo   `json:"info"`
}

// probeQEMU finds out what QEMU is able to, by starting it without a machine.
// The answer is kept in the CacheDir. A QEMU that is missing or does not
// answer is a *lab.HostError.
func (s *Store) probeQEMU(ctx context.Context) (qemuInfo, error) {
	program, err := lookAtProgram(qemuProgram)
	if err != nil {
		return qemuInfo{}, noQEMU(err)
	}
	path := filepath.Join(s.CacheDir(), "qemu.json")
	var noted qemuNote
	if b, err := os.ReadFile(path); err == nil && json.Unmarshal(b, &noted) == nil && noted.Program == program {
		return noted.Info, nil
	}
	info, err := s.askQEMU(ctx)
	if err != nil {
		return qemuInfo{}, noQEMU(err)
	}
	// Only a saving: errors are no matter.
	if b, err := json.Marshal(qemuNote{program, info}); err == nil {
		_ = renameio.WriteFile(path, b, 0o600)
	}
	return info, nil
}

func lookAtProgram(name string) (sourceNote, error) {
	path, err := lookProgram(name)
	if err != nil {
		return sourceNote{}, err
	}
	return lookAt(path)
}

func noQEMU(err error) error {
	e := &lab.HostError{Op: "ask QEMU what it is able to", Err: err}
	if missing(err) {
		e.Hint = "apt-get install qemu-system-x86"
	}
	return e
}

// The questions of the probe, by the names of QEMU's commands.
const (
	askNothing      = "qmp_capabilities" // what every conversation begins with
	askVersion      = "query-version"
	askCapabilities = "query-migrate-capabilities"
	askTypes        = "qom-list-types"
	askEnd          = "quit"
)

// askQEMU starts QEMU without a machine and talks to its monitor.
func (s *Store) askQEMU(ctx context.Context) (qemuInfo, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, probeLimit, fmt.Errorf("it did not answer within %s", probeLimit))
	defer cancel()
	r, w, err := os.Pipe()
	if err != nil {
		return qemuInfo{}, err
	}
	// The writing end stays open until QEMU has ended: at the end of its
	// input it forgets what it was asked.
	defer func() { _, _ = r.Close(), w.Close() }()
	for _, ask := range []string{askNothing, askVersion, askCapabilities, askTypes, askEnd} {
		question := map[string]any{"execute": ask, "id": ask}
		if ask == askTypes {
			question["arguments"] = map[string]string{"implements": "memory-backend"}
		}
		if err := json.NewEncoder(w).Encode(question); err != nil { // far less than a pipe holds
			return qemuInfo{}, err
		}
	}
	var out bytes.Buffer
	var said tail
	err = s.run.Run(ctx, Tool{
		Name:  qemuProgram,
		Args:  []string{"-machine", "none", "-nodefaults", "-no-user-config", "-nographic", "-S", "-qmp", "stdio"},
		Stdin: r, Stdout: &out, Stderr: &said,
	})
	if err != nil {
		if last := said.last(1); len(last) > 0 {
			err = fmt.Errorf("%w: %s", err, lab.Printable(last[0], 300))
		}
		return qemuInfo{}, err
	}
	return readProbe(&out)
}

// readProbe reads QEMU's side of the conversation.
// https://www.qemu.org/docs/master/interop/qmp-spec.html
func readProbe(r io.Reader) (qemuInfo, error) {
	answers := map[string]json.RawMessage{}
	for lines := json.NewDecoder(r); ; {
		var line struct {
			ID     string          `json:"id"`
			Return json.RawMessage `json:"return"`
		}
		err := lines.Decode(&line)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return qemuInfo{}, fmt.Errorf("cannot read its answer: %w", err)
		}
		answers[line.ID] = line.Return // nil for an error: it does not know the question
	}
	var version struct {
		QEMU struct {
			Major, Minor, Micro int
		}
		Package string
	}
	if err := json.Unmarshal(answers[askVersion], &version); err != nil || version.QEMU.Major == 0 {
		return qemuInfo{}, errors.New("it did not tell its version")
	}
	number := fmt.Sprintf("%d.%d.%d", version.QEMU.Major, version.QEMU.Minor, version.QEMU.Micro)
	info := qemuInfo{Version: number}
	if version.Package != "" {
		info.Version += " (" + version.Package + ")"
	}
	switch {
	case !listed(answers[askCapabilities], "x-ignore-shared"):
		info.Why = fmt.Sprintf("QEMU %s cannot leave shared memory out of a saved state", number)
	case !listed(answers[askTypes], "memory-backend-file"):
		info.Why = fmt.Sprintf("QEMU %s cannot keep a machine's memory in a file", number)
	default:
		info.MemoryForks = true
	}
	return info, nil
}

// listed looks for a name in one of QEMU's lists.
func listed(list json.RawMessage, name string) bool {
	var entries []struct{ Name, Capability string }
	if json.Unmarshal(list, &entries) != nil {
		return false
	}
	return slices.ContainsFunc(entries, func(e struct{ Name, Capability string }) bool {
		return e.Name == name || e.Capability == name
	})
}

// memoryMethod says how the memory of a ready state comes into instances:
// memoryFork, or memoryRestore and why. $PATCHLAB_MEMORY overrides it: env looks
// up an environment variable.
func memoryMethod(info qemuInfo, env func(string) string) (method, why string, err error) {
	switch want := env("PATCHLAB_MEMORY"); {
	case want == "" && info.MemoryForks:
		return memoryFork, "", nil
	case want == "":
		return memoryRestore, info.Why, nil
	case want == memoryRestore:
		return memoryRestore, "PATCHLAB_MEMORY says so", nil
	case want == memoryFork && info.MemoryForks:
		return memoryFork, "", nil
	case want == memoryFork:
		return "", "", &lab.HostError{
			Op: "fork memory, as PATCHLAB_MEMORY says", Err: errors.New(info.Why),
			Hint: "unset PATCHLAB_MEMORY",
		}
	default:
		return "", "", &lab.UsageError{
			Err:  fmt.Errorf("cannot use PATCHLAB_MEMORY=%q: it is neither %q nor %q", want, memoryFork, memoryRestore),
			Hint: "unset PATCHLAB_MEMORY",
		}
	}
}
