package guest

import (
	"context"
	"fmt"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// sumsAtOnce keeps the command that verifies well below its limit.
const sumsAtOnce = 100

// verify lets the machine compute the hashes of what it wrote.
func (t *transfer) verify(ctx context.Context) error {
	for start := 0; start < len(t.items); start += sumsAtOnce {
		if err := t.verifySome(ctx, t.items[start:min(start+sumsAtOnce, len(t.items))]); err != nil {
			return err
		}
	}
	return nil
}

func (t *transfer) verifySome(ctx context.Context, items []*item) error {
	paths := make([]string, len(items))
	for i, f := range items {
		paths[i] = f.temporary
	}
	t.progress.Step(fmt.Sprintf("verifying %d files", len(items)))
	out, err := t.guest.Run(ctx, lab.Command{Shell: t.dialect.sums(paths)})
	if err != nil {
		return err
	}
	if out.ExitCode != 0 {
		return fmt.Errorf("it cannot compute SHA-256: %s", lab.Printable(strings.TrimSpace(string(out.Stderr)), 200))
	}
	lines := strings.Split(strings.TrimSpace(string(out.Stdout)), "\n")
	if len(lines) != len(items) {
		return fmt.Errorf("it gave %d hashes for %d files", len(lines), len(items))
	}
	for i, f := range items {
		got, _, _ := strings.Cut(lines[i], " ")
		if got != f.sum {
			return fmt.Errorf("%s arrived with SHA-256 %s, want %s", f.dst, lab.Printable(got, 64), f.sum)
		}
	}
	return nil
}
