package patch

import "io"

// An RPM package is a lead of 96 bytes, a signature header, padded to eight
// bytes, a header, and the payload. See the RPM package format, version 4, at
// https://rpm-software-management.github.io/rpm/manual/format_v4.html.
const (
	rpmMagic       = "\xed\xab\xee\xdb"
	rpmLead        = 96
	rpmHeaderMagic = "\x8e\xad\xe8\x01"

	sigSize     = 1000 // bytes of header and payload, 32 bits
	sigLongSize = 270  // the same, 64 bits
)

// rpmHeader is one header structure: an index of 16 bytes for each entry, and
// a store that the entries point into.
type rpmHeader struct {
	begin            int64
	index, entries   int64
	store, storeSize int64
	end              int64
}

// checkRPM reads the outer structure of a package of size bytes. It fails for
// one that is truncated or damaged, or brings sources. What is in the headers
// the machine's rpm judges.
func checkRPM(r io.ReaderAt, size int64) error {
	f := &reader{r: r, size: size}
	f.holds("the lead", 0, rpmLead)
	kind := f.be16(6)
	f.must(kind != 1, "it holds sources, nothing that can be installed")
	f.must(kind == 0 && f.be16(78) == 5, "its lead is damaged")
	signature, header := f.rpmHeaders()
	f.must(header.entries > 0, "its header is empty")
	if want := f.payloadEnd(signature, header.begin); want > 0 {
		f.holds("the payload", 0, want)
	}
	f.must(size > header.end, "it is truncated: its payload is missing")
	return f.err
}

// rpmHeaders reads the frames of both header structures.
func (f *reader) rpmHeaders() (signature, header rpmHeader) {
	signature = f.rpmHeader("the signature header", rpmLead)
	return signature, f.rpmHeader("the header", signature.end+(8-signature.end%8)%8)
}

// rpmHeader reads the frame of the header structure at offset at.
func (f *reader) rpmHeader(what string, at int64) rpmHeader {
	f.holds(what, at, 16)
	f.must(string(f.bytes(at, 4)) == rpmHeaderMagic, what+" is damaged")
	h := rpmHeader{begin: at, index: at + 16, entries: f.be32(at + 8), storeSize: f.be32(at + 12)}
	h.store = h.index + 16*h.entries
	h.end = h.store + h.storeSize
	f.holds(what, at, h.end-at)
	return h
}

// payloadEnd is where the file ends by what the signature says; 0 when it
// says nothing. Begin is where header and payload, which it counts, begin.
func (f *reader) payloadEnd(h rpmHeader, begin int64) int64 {
	for at := h.index; at < h.store && f.err == nil; at += 16 {
		tag, offset := f.be32(at), f.be32(at+8)
		switch {
		case tag == sigSize && offset <= h.storeSize-4:
			return begin + f.be32(h.store+offset)
		case tag == sigLongSize && offset <= h.storeSize-8:
			high, low := f.be32(h.store+offset), f.be32(h.store+offset+4)
			if high < 1<<16 {
				return begin + high<<32 + low
			}
		}
	}
	return 0
}
