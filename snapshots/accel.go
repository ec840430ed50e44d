package snapshots

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/agent"
)

const (
	kvmDevice = "/dev/kvm"
	cpuInfo   = "/proc/cpuinfo"
)

// ChooseAccel says how machines run: "kvm" or, some ten times slower, "tcg",
// which is emulation; and why, in a few words for the user. $PATCHLAB_ACCEL
// overrides it: env looks up an environment variable.
func ChooseAccel(env func(string) string) (accel, reason string, err error) {
	switch want := env("PATCHLAB_ACCEL"); want {
	case agent.AccelKVM, agent.AccelTCG:
		return want, "PATCHLAB_ACCEL says so", nil
	case "":
	default:
		return "", "", &lab.UsageError{
			Err:  fmt.Errorf("cannot use PATCHLAB_ACCEL=%q: it is neither %q nor %q", want, agent.AccelKVM, agent.AccelTCG),
			Hint: "unset PATCHLAB_ACCEL",
		}
	}
	if cause := canKVM(kvmDevice, cpuInfo); cause != nil {
		return agent.AccelTCG, cause.Error(), nil //nolint:nilerr // emulation always works
	}
	return agent.AccelKVM, "the processor virtualises and " + kvmDevice + " opens", nil
}

// canKVM returns why machines cannot run under KVM. The device alone says
// too little: inside some virtual machines it opens and guests hang.
func canKVM(device, cpuinfo string) error {
	f, err := os.OpenFile(device, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("cannot use KVM: %w", err)
	}
	_ = f.Close()
	b, err := os.ReadFile(cpuinfo)
	if err != nil {
		return fmt.Errorf("cannot look at the processor: %w", err)
	}
	if !virtualises(b) {
		return errors.New("the processor shows neither vmx nor svm")
	}
	return nil
}

// virtualises looks for the processor's flag in /proc/cpuinfo.
func virtualises(cpuinfo []byte) bool {
	lines := bufio.NewScanner(bytes.NewReader(cpuinfo))
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ":")
		if strings.TrimSpace(name) != "flags" {
			continue
		}
		flags := strings.Fields(value)
		return slices.Contains(flags, "vmx") || slices.Contains(flags, "svm")
	}
	return false
}
