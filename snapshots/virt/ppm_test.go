package virt

import (
	"bytes"
	"image/png"
	"testing"
)

func TestToPNG(t *testing.T) {
	ppm := []byte("P6\n# a comment\n2 1\n255\n\x01\x02\x03\xff\xfe\xfd")
	b, err := toPNG(ppm)
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if img.Bounds().Dx() != 2 || img.Bounds().Dy() != 1 {
		t.Errorf("bounds %v", img.Bounds())
	}
	if r, g, bl, _ := img.At(1, 0).RGBA(); r>>8 != 0xff || g>>8 != 0xfe || bl>>8 != 0xfd {
		t.Errorf("pixel %x %x %x", r>>8, g>>8, bl>>8)
	}
	again, err := toPNG(b)
	if err != nil || !bytes.Equal(again, b) {
		t.Errorf("a PNG was changed: %v", err)
	}
}

func TestToPNGRefuses(t *testing.T) {
	for _, s := range []string{
		"", "P5\n1 1\n255\n\x00", "P6\n1 1\n", "P6\n1 1\n65535\n\x00\x00\x00\x00\x00\x00", "P6\n2 2\n255\n\x00",
		"P6\n99999999999 1\n255\n", "P6\n16777216 16777216\n255\n", "P6\n0 1\n255\n", "P6\n-1 1\n255\n",
	} {
		if _, err := toPNG([]byte(s)); err == nil {
			t.Errorf("%q was taken for a picture", s)
		}
	}
}

func FuzzToPNG(f *testing.F) {
	f.Add([]byte("P6 1 1 255 abc"))
	f.Add([]byte("P6\n# x\n2 1\n255\nabcdef"))
	f.Fuzz(func(t *testing.T, b []byte) {
		out, err := toPNG(b)
		if err == nil && !bytes.HasPrefix(out, []byte("\x89PNG")) {
			t.Errorf("%q gave no PNG", b)
		}
	})
}
