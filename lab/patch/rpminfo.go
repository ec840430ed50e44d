package patch

import (
	"bytes"
	"errors"
	"io"
	"strconv"
)

// Tags of the header, and the types of their values.
const (
	rpmTagName    = 1000
	rpmTagVersion = 1001
	rpmTagRelease = 1002
	rpmTagEpoch   = 1003
	rpmTagArch    = 1022

	rpmInt32  = 4
	rpmString = 6

	maxRPMEntries = 1 << 16 // rpm itself takes no more
	maxRPMText    = 256     // bytes of a value
)

// rpmInfo is what an RPM package says of itself.
type rpmInfo struct {
	name    string
	version string // "[epoch:]version-release"; an epoch of 0 is none
	arch    string
}

// readRPMInfo reads the header of a package of size bytes, which is untrusted.
func readRPMInfo(r io.ReaderAt, size int64) (rpmInfo, error) {
	if err := checkRPM(r, size); err != nil {
		return rpmInfo{}, err
	}
	f := &reader{r: r, size: size}
	_, h := f.rpmHeaders()
	f.must(h.entries <= maxRPMEntries, "its header is too large")
	text, epoch := map[int64]string{}, int64(0)
	for at := h.index; at < h.store && f.err == nil; at += 16 {
		tag, kind, value := f.be32(at), f.be32(at+4), f.be32(at+8)
		switch tag {
		case rpmTagName, rpmTagVersion, rpmTagRelease, rpmTagArch:
			f.must(kind == rpmString, "its header is damaged")
			text[tag] = f.rpmText(h, value)
		case rpmTagEpoch:
			f.must(kind == rpmInt32 && value <= h.storeSize-4, "its header is damaged")
			epoch = f.be32(h.store + value)
		}
	}
	info := rpmInfo{text[rpmTagName], text[rpmTagVersion] + "-" + text[rpmTagRelease], text[rpmTagArch]}
	if epoch > 0 {
		info.version = strconv.FormatInt(epoch, 10) + ":" + info.version
	}
	if f.err == nil && (info.name == "" || text[rpmTagVersion] == "" || text[rpmTagRelease] == "") {
		f.err = errors.New("its header names no package and version")
	}
	if f.err != nil {
		return rpmInfo{}, f.err
	}
	return info, nil
}

// rpmText is the text at an offset of h's store, without the NUL that ends it.
func (f *reader) rpmText(h rpmHeader, offset int64) string {
	f.must(offset < h.storeSize, "its header is damaged")
	b := f.bytes(h.store+offset, max(0, min(maxRPMText, h.storeSize-offset)))
	end := bytes.IndexByte(b, 0)
	f.must(end >= 0, "its header has a text without an end")
	return string(b[:max(end, 0)])
}
