package agenttest_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/patchlab/patchlab/lab/agent"
	"github.com/patchlab/patchlab/lab/agent/agenttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestContract(t *testing.T) {
	agenttest.TestHypervisor(t, func(t *testing.T) (agent.Hypervisor, *agent.Spec) {
		spec := agenttest.Spec(t)
		agenttest.Listen(t, spec)
		return agenttest.New(spec), spec
	})
}
