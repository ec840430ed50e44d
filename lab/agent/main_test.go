package agent_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/patchlab/patchlab/lab/agent"
	"github.com/patchlab/patchlab/lab/agent/agenttest"
)

// helperVariable makes this test's binary another process of a test.
const helperVariable = "PATCHLAB_TEST_HELPER"

func TestMain(m *testing.M) {
	if what := os.Getenv(helperVariable); what != "" {
		os.Exit(helper(what, os.Args[len(os.Args)-1]))
	}
	goleak.VerifyTestMain(m)
}

// helper is what the other process does with the instance at specPath.
func helper(what, specPath string) int {
	ctx := context.Background()
	open := agenttest.Open
	switch what {
	case "dies":
		fmt.Fprintln(os.Stderr, "last words")
		return 7
	case "fails":
		open = func(context.Context, *agent.Spec, *slog.Logger) (agent.Hypervisor, error) {
			return nil, errors.New("no hypervisor today")
		}
	case "hangs":
		open = func(ctx context.Context, _ *agent.Spec, _ *slog.Logger) (agent.Hypervisor, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
	case "parent":
		return parent(ctx, specPath)
	case "maps":
		return maps(specPath, unix.MAP_PRIVATE)
	case "maps-shared":
		return maps(specPath, unix.MAP_SHARED)
	case "processes":
		open = func(_ context.Context, spec *agent.Spec, _ *slog.Logger) (agent.Hypervisor, error) {
			return agenttest.New(spec, agenttest.WithProcesses), nil
		}
	}
	if err := agent.Main(ctx, specPath, open); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// parent launches an agent, says its PID and waits to be killed.
func parent(ctx context.Context, specPath string) int {
	spec, err := agent.ReadSpec(specPath)
	if err != nil {
		panic(err)
	}
	_ = os.Setenv(helperVariable, "agent")
	p, err := agent.Launch(ctx, []string{os.Args[0], specPath}, spec)
	if err != nil {
		panic(err)
	}
	fmt.Println(p.PID)
	<-p.Done()
	return 0
}

// maps maps a RAM file as QEMU does and reads all of it, then writes all of it
// when it is told to, and ends with its standard input.
func maps(path string, flags int) int {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		panic(err)
	}
	b, err := unix.Mmap(int(f.Fd()), 0, ramMiB<<20, unix.PROT_READ|unix.PROT_WRITE, flags)
	if err != nil {
		panic(err)
	}
	var sum byte
	for i := 0; i < len(b); i += 4096 {
		sum += b[i]
	}
	fmt.Println("read", sum)
	in := bufio.NewReader(os.Stdin)
	_, _ = in.ReadString('\n')
	for i := 0; i < len(b); i += 4096 {
		b[i] = 1
	}
	fmt.Println("written")
	_, _ = in.ReadString('\n')
	return 0
}
