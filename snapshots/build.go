package snapshots

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// draft is an image that is being built.
type draft struct {
	store  *Store
	build  *lab.Build
	layout layout
	work   string // its folder
	root   string // UUID of the root file system
	esp    string // volume number of the EFI system partition, 8 hex digits
	log    io.Writer
	p      lab.Progress
}

func (d *draft) raw() string    { return filepath.Join(d.work, "disk.raw") }
func (d *draft) kernel() string { return filepath.Join(d.work, "vmlinuz") }
func (d *draft) initrd() string { return filepath.Join(d.work, "initrd") }

// build makes the disk of a build block. It is a maker.
func (s *Store) build(ctx context.Context, img *lab.Image, work string, p lab.Progress) (disk string, err error) {
	if img.Build.Distro != "debian" {
		return "", &lab.UsageError{Err: fmt.Errorf("cannot build an image of distribution %q: only debian is known", img.Build.Distro)}
	}
	logPath := filepath.Join(s.logsDir(), "image-"+img.Name+".log")
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return "", fmt.Errorf("cannot write the build's log: %w", err)
	}
	defer func() { _ = log.Close() }()
	d := &draft{
		store: s, build: img.Build, work: work, log: log, p: p,
		layout: layout{MiB: max(img.Build.DiskMiB, minDiskMiB)},
		root:   newUUID(),
		esp:    strings.ToUpper(newUUID()[:8]),
	}
	for _, step := range []func(context.Context) error{d.bootstrap, d.partition, d.finish} {
		if err := step(ctx); err != nil {
			return "", d.explain(err, img.Name, logPath)
		}
	}
	disk = filepath.Join(work, imageDisk)
	err = ticking(p, "packing the disk", func() error { return s.convert(ctx, d.raw(), "raw", disk) })
	return disk, err
}

// explain adds the image's name and where the log is to a failed step.
func (d *draft) explain(err error, name, logPath string) error {
	var host *lab.HostError
	if errors.As(err, &host) && host.Hint == "" {
		host.Hint = "see " + logPath
	}
	return fmt.Errorf("cannot build image %q: %w", name, err)
}

// bootstrap installs the packages and writes the root file system into the
// disk, with the kernel that the finishing boot needs beside it.
func (d *draft) bootstrap(ctx context.Context) (err error) {
	sources, err := d.store.aptSources(ctx, d.build)
	if err != nil {
		return err
	}
	raw, err := os.OpenFile(d.raw(), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("cannot make disk: %w", err)
	}
	defer func() { err = errors.Join(err, raw.Close()) }()
	// A user namespace's root opens it by its descriptor, as anybody; until
	// it has, the private folder keeps others out.
	if err := raw.Chmod(0o666); err != nil {
		return fmt.Errorf("cannot open disk to the file system's maker: %w", err)
	}
	if err := raw.Truncate(int64(d.layout.MiB) << 20); err != nil {
		return fmt.Errorf("cannot make disk: %w", err)
	}
	if err := d.mmdebstrap(ctx, sources, raw); err != nil {
		return err
	}
	if err := raw.Chmod(0o600); err != nil {
		return fmt.Errorf("cannot protect disk: %w", err)
	}
	return nil
}

func (d *draft) mmdebstrap(ctx context.Context, sources []aptSource, raw *os.File) error {
	tree := d.store.partTree(d.work)
	if err := os.Mkdir(tree, 0o755); err != nil { //nolint:gosec // apt's own user and a namespace's root walk in
		return fmt.Errorf("cannot make folder: %w", err)
	}
	if err := os.Chmod(tree, 0o755); err != nil { //nolint:gosec // the same, whatever the umask is
		return fmt.Errorf("cannot open folder: %w", err)
	}
	var said tail
	out := io.MultiWriter(d.log, &said)
	err := ticking(d.p, "installing packages", func() error {
		return d.store.run.Run(ctx, Tool{
			Name:  "mmdebstrap",
			Args:  bootstrapArgs(d.build, os.Geteuid() == 0, sources, d.kernel(), d.initrd()),
			Env:   d.environ("TMPDIR=" + tree),
			Stdin: raw, Stdout: out, Stderr: out,
		})
	})
	if err != nil {
		return toolError("install the packages of an image", err, aptErrors(&said))
	}
	return d.store.removeTree(ctx, tree)
}

// aptErrors leaves of what mmdebstrap said the lines that tell what is wrong,
// where there are any.
func aptErrors(said *tail) *tail {
	var only tail
	for _, l := range said.last(100) {
		if strings.HasPrefix(l, "E: ") {
			_, _ = only.Write([]byte(l + "\n"))
		}
	}
	if len(only.last(1)) == 0 {
		return said
	}
	return &only
}

// environ is what the recipe's scripts read.
func (d *draft) environ(more ...string) []string {
	return append([]string{
		"UUID=" + d.root,
		"ESP_ID=" + d.esp,
		fmt.Sprintf("OFFSET=%d", rootStartMiB<<20),
		fmt.Sprintf("BLOCKS=%d", d.layout.rootMiB()<<20/4096),
		"FINISH=" + finishScript,
	}, more...)
}

// partition writes the table around the file system, which is there already:
// mke2fs would take the table for a disk that is in use.
func (d *draft) partition(ctx context.Context) error {
	script := filepath.Join(d.work, "sfdisk")
	if err := os.WriteFile(script, []byte(d.layout.script()), 0o600); err != nil {
		return fmt.Errorf("cannot write partition table: %w", err)
	}
	in, err := os.Open(script)
	if err != nil {
		return fmt.Errorf("cannot write partition table: %w", err)
	}
	defer func() { _ = in.Close() }()
	var said tail
	out := io.MultiWriter(d.log, &said)
	err = d.store.run.Run(ctx, Tool{
		Name:  "sfdisk",
		Args:  []string{"--quiet", "--no-reread", "--no-tell-kernel", "--wipe", "never", d.raw()},
		Stdin: in, Stdout: out, Stderr: out,
	})
	if err != nil {
		return toolError("write the partition table of an image", err, &said)
	}
	return nil
}

// newUUID returns a random UUID (RFC 9562, version 4).
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
