package virt

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
)

// maxPixels limits what a picture may claim to be before memory is spent.
const maxPixels = 16 << 20

// toPNG returns b, a PNG or a binary PPM with 8 bits a sample, as PNG.
func toPNG(b []byte) ([]byte, error) {
	if bytes.HasPrefix(b, []byte("\x89PNG\r\n\x1a\n")) {
		return b, nil
	}
	img, err := decodePPM(bufio.NewReader(bytes.NewReader(b)))
	if err != nil {
		return nil, fmt.Errorf("cannot read the picture: %w", err)
	}
	var out bytes.Buffer
	if err := png.Encode(&out, img); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// decodePPM reads the format "P6", as netpbm's ppm(5) has it.
func decodePPM(r *bufio.Reader) (image.Image, error) {
	magic := make([]byte, 2)
	if _, err := io.ReadFull(r, magic); err != nil || string(magic) != "P6" {
		return nil, errors.New("neither PNG nor PPM")
	}
	var v [3]int // width, height, greatest sample
	for i := range v {
		n, err := ppmNumber(r)
		if err != nil {
			return nil, err
		}
		v[i] = n
	}
	if v[0] < 1 || v[1] < 1 || v[0] > maxPixels || v[1] > maxPixels || v[0]*v[1] > maxPixels || v[2] != 255 {
		return nil, fmt.Errorf("a picture of %d × %d with samples up to %d", v[0], v[1], v[2])
	}
	img := image.NewNRGBA(image.Rect(0, 0, v[0], v[1]))
	row := make([]byte, 3*v[0])
	for y := range v[1] {
		if _, err := io.ReadFull(r, row); err != nil {
			return nil, fmt.Errorf("row %d of %d: %w", y, v[1], err)
		}
		for x := range v[0] {
			copy(img.Pix[y*img.Stride+4*x:], []byte{row[3*x], row[3*x+1], row[3*x+2], 255})
		}
	}
	return img, nil
}

// ppmNumber reads a decimal number and the one white-space byte behind it.
// White space and comments before it are skipped.
func ppmNumber(r *bufio.Reader) (int, error) {
	n, digits := 0, 0
	for {
		c, err := r.ReadByte()
		if err != nil {
			return 0, fmt.Errorf("header: %w", err)
		}
		switch {
		case c >= '0' && c <= '9':
			if digits++; digits > 9 {
				return 0, errors.New("header: number too long")
			}
			n = 10*n + int(c-'0')
		case c == '#' && digits == 0:
			if _, err := r.ReadSlice('\n'); err != nil {
				return 0, fmt.Errorf("header: %w", err)
			}
		case bytes.IndexByte([]byte(" \t\r\n\v\f"), c) < 0:
			return 0, fmt.Errorf("header: unexpected byte %#x", c)
		case digits > 0:
			return n, nil
		}
	}
}
