package notify

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/renameio/v2"

	"github.com/patchlab/patchlab/lab"
)

// CheckMetricsPath refuses a path that node_exporter would pass over, with a
// *lab.UsageError: it reads the files *.prom of its folder.
func CheckMetricsPath(path string) error {
	if filepath.Ext(path) == ".prom" && filepath.Base(path) != ".prom" {
		return nil
	}
	return &lab.UsageError{
		Err:  fmt.Errorf("metrics file %s: its name must end in .prom, or node_exporter passes over it", path),
		Hint: "--metrics " + filepath.Join(filepath.Dir(path), "patchlab.prom"),
	}
}

// WriteMetrics writes the text of Metrics to the file at path, whose name ends
// in .prom (see CheckMetricsPath) and without that names the night, readable to
// all: node_exporter is another user. Who reads it meanwhile sees the old file or the new one, whole.
func WriteMetrics(path string, samples []Sample, night time.Time, nightCode int, diskBytes int64, version string) error {
	if err := CheckMetricsPath(path); err != nil {
		return err
	}
	var b bytes.Buffer
	name := strings.TrimSuffix(filepath.Base(path), ".prom")
	if err := Metrics(&b, name, samples, night, nightCode, diskBytes, version); err != nil {
		return err
	}
	f, err := renameio.NewPendingFile(path, renameio.WithStaticPermissions(0o644))
	if err != nil {
		return fmt.Errorf("cannot write the metrics: %w", err)
	}
	defer func() { _ = f.Cleanup() }()
	if _, err = f.Write(b.Bytes()); err == nil {
		err = f.CloseAtomicallyReplace()
	}
	if err != nil {
		return fmt.Errorf("cannot write the metrics to %s: %w", path, err)
	}
	return nil
}
