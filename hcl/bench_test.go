package hcl_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/patchlab/patchlab/hcl"
	"github.com/patchlab/patchlab/lab"
)

// writeLab writes a definition of n machines, each with a check, on networks
// of a hundred, in a directory that the test removes.
func writeLab(tb testing.TB, n int) string {
	tb.Helper()
	var b strings.Builder
	b.WriteString("lab \"large\" {}\n\nimage \"base\" {\n  build {\n    distro  = \"debian\"\n    release = \"bookworm\"\n  }\n}\n")
	for i := range (n + 99) / 100 {
		fmt.Fprintf(&b, "\nnetwork \"n%d\" {\n  subnet = \"10.%d.%d.0/24\"\n}\n", i, i/250, i%250)
	}
	for i := range n {
		fmt.Fprintf(&b, "\nmachine \"m%d\" {\n  image  = image.base\n  memory = \"512MiB\"\n", i)
		if i%10 > 0 {
			fmt.Fprintf(&b, "  depends_on = [machine.m%d]\n", i-i%10)
		}
		fmt.Fprintf(&b, "  nic {\n    network = network.n%d\n    address = \"10.%d.%d.%d\"\n    names   = [\"www-%d\"]\n  }\n}\n", i/100, i/100/250, i/100%250, i%100+10, i)
		fmt.Fprintf(&b, "\ncheck \"page %d\" {\n  from = machine.m%d\n  http {\n    url    = \"http://${machine.m%d.address}/\"\n    status = 200\n    body   = \"free slots\"\n  }\n}\n", i, i, i)
	}
	dir := tb.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "lab.hcl"), []byte(b.String()), 0o600); err != nil {
		tb.Fatal(err)
	}
	return dir
}

func benchmarkPlan(b *testing.B, n int) {
	dir := writeLab(b, n)
	b.ReportAllocs()
	before := processorTime(b)
	for b.Loop() {
		l, d := hcl.Load(dir, hcl.Options{})
		if d.HasErrors() {
			b.Fatal(d)
		}
		if p := lab.NewPlan(l); len(p.Machines) != n {
			b.Fatalf("planned %d machines, want %d", len(p.Machines), n)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/plan")
	b.ReportMetric(float64((processorTime(b)-before).Milliseconds())/float64(b.N), "cpu-ms/plan")
}

// processorTime is what this process has used, which a busy host does not
// lengthen as it does the time that passes.
func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// The three sizes show that time grows with the definition and no faster.

func BenchmarkPlan(b *testing.B) {
	for _, machines := range []int{500, 1000, 2000} {
		b.Run(strconv.Itoa(machines), func(b *testing.B) { benchmarkPlan(b, machines) })
	}
}
