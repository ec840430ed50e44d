package virt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"libvirt.org/go/libvirt"
)

// maxScreenshot is more than any display we configure can give, in bytes.
const maxScreenshot = 64 << 20

// Screenshot implements agent.Hypervisor.
func (h *hypervisor) Screenshot(ctx context.Context, name string) ([]byte, error) {
	var raw []byte
	err := h.on(ctx, name, func(d *libvirt.Domain) error {
		var err error
		raw, err = h.capture(d)
		return err
	})
	if err != nil {
		return nil, wrap("take a screenshot of", name, err)
	}
	img, err := toPNG(raw)
	return img, wrap("take a screenshot of", name, err)
}

func (h *hypervisor) capture(d *libvirt.Domain) ([]byte, error) {
	s, err := h.conn.NewStream(0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = s.Free() }()
	if _, err := d.Screenshot(s, 0, 0); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if _, err := io.Copy(&out, io.LimitReader(streamReader{s}, maxScreenshot+1)); err != nil {
		return nil, errors.Join(err, s.Abort())
	}
	if out.Len() > maxScreenshot {
		return nil, errors.Join(fmt.Errorf("more than %d bytes", maxScreenshot), s.Abort())
	}
	return out.Bytes(), s.Finish()
}

// streamReader reads a libvirt stream to its end.
type streamReader struct{ s *libvirt.Stream }

func (r streamReader) Read(p []byte) (int, error) {
	n, err := r.s.Recv(p)
	if err == nil && n == 0 {
		return 0, io.EOF
	}
	return max(n, 0), err
}
