package patch

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/ulikunitz/xz/lzma"
)

var errXZ = errors.New("it is no xz data that can be read")

// unxz reads the first block of xz data, which is all of it for anything
// small: see "The .xz File Format", 2.1.1, 3.1 and 5.3.1. The headers are read
// here, and not by the library, which takes whatever memory they ask for.
// Checksums are left to the machine's dpkg.
func unxz(r io.Reader) (io.Reader, error) {
	in := bufio.NewReader(r)
	header := make([]byte, 12)
	if _, err := io.ReadFull(in, header); err != nil || !bytes.HasPrefix(header, []byte("\xfd7zXZ\x00")) {
		return nil, errXZ
	}
	size, err := in.ReadByte()
	if err != nil || size == 0 {
		return nil, errXZ
	}
	block := make([]byte, int(size)*4+3) // what is left of the header
	if _, err := io.ReadFull(in, block); err != nil {
		return nil, errXZ
	}
	dictionary, err := blockDictionary(block)
	if err != nil {
		return nil, err
	}
	if dictionary > maxDictionary {
		return nil, fmt.Errorf("it wants %d bytes of memory to be unpacked", dictionary)
	}
	return lzma.Reader2Config{DictCap: max(int(dictionary), lzma.MinDictCap)}.NewReader2(in)
}

// blockDictionary returns the size of the dictionary that a block asks for.
func blockDictionary(block []byte) (int64, error) {
	flags, rest := block[0], block[1:]
	if flags&0x3f != 0 { // more filters than LZMA2, or something yet unknown
		return 0, errXZ
	}
	for _, sized := range []byte{0x40, 0x80} {
		if flags&sized != 0 {
			_, n := binary.Uvarint(rest)
			if n <= 0 {
				return 0, errXZ
			}
			rest = rest[n:]
		}
	}
	if len(rest) < 3 || rest[0] != 0x21 || rest[1] != 1 || rest[2] > 40 {
		return 0, errXZ
	}
	bits := rest[2]
	if bits == 40 {
		return 1<<32 - 1, nil
	}
	return int64(2|bits&1) << (bits/2 + 11), nil
}
