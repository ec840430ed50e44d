//go:build e2e

package virt_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/patchlab/patchlab/lab/agent"
	"github.com/patchlab/patchlab/snapshots/virt"
)

// specVariable makes this test's binary a hypervisor that waits to be killed.
const specVariable = "PATCHLAB_TEST_SPEC"

func TestMain(m *testing.M) {
	if path := os.Getenv(specVariable); path != "" {
		hold(path)
	}
	os.Exit(m.Run())
}

// hold starts the first machine, says its PID and waits.
func hold(path string) {
	spec, err := agent.ReadSpec(path)
	if err != nil {
		panic(err)
	}
	h, err := virt.Open(context.Background(), spec, slog.New(slog.DiscardHandler))
	if err != nil {
		panic(err)
	}
	if err := h.Start(context.Background(), spec.Machines[0]); err != nil {
		panic(err)
	}
	s, err := h.State(context.Background(), spec.Machines[0].Name)
	if err != nil {
		panic(err)
	}
	fmt.Println("pid", s.PID)
	select {}
}

// crash returns the PID of a machine whose hypervisor was killed with -9.
func crash(t *testing.T, spec *agent.Spec) string {
	t.Helper()
	writeSpec(t, spec)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), specVariable+"="+spec.SpecPath())
	cmd.Stderr = t.Output()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	pid, ok := strings.CutPrefix(strings.TrimSpace(line), "pid ")
	if err != nil || !ok {
		t.Fatalf("the other process said %q: %v", line, err)
	}
	return pid
}
