// Package ledger keeps the history of runs and decisions, so that it can be
// shown later that nothing in it was altered, and answers whether bytes may be
// rolled out.
//
// A ledger is a folder:
//
//	entries.jsonl   one entry a line, oldest first, only ever added to
//	                (entry.schema.json describes one)
//	head.json       how many entries there are, and the hash of the last line
//	seals/N.sig     the SSH signature of line N (1-based), where one was made
//	hosts/ID/       the ledgers of other hosts, as they were merged: the same
//	                three again; what they held when they were merged is in an
//	                entry of this ledger
//	.lock           held by who adds to it
//
// Each line begins with the SHA-256 of the line before it, without its line
// end. So whoever changes, removes or reorders one breaks the chain behind it,
// and head.json tells when the end is cut off. A run's entry holds the SHA-256
// of the file SHA256SUMS in the run's folder, which lists every file there in
// the format of sha256sum(1).
//
// A process that dies leaves one of these, which are no tampering, and which
// the next entry puts right: the beginning of a line behind the last one; one
// whole entry that head.json does not count yet; an entry without its seal; a
// copy of another ledger that no entry speaks of, or of which it counts less.
// Readers pass over all but the second. There is a head.json before the first
// entry is written: a ledger without one is never what a process left.
//
// A seal is made and checked with ssh-keygen -Y (OpenSSH's PROTOCOL.sshsig),
// over the line with its line end, in the namespace "patchlab-ledger":
//
//	sed -n 12p entries.jsonl | ssh-keygen -Y verify -f allowed_signers \
//	    -I jane@example.com -n patchlab-ledger -s seals/12.sig
//
// Without seals the ledger shows honest mistakes and clumsy hands: who may
// write to the folder can make a whole new one, or add entries of their own.
// With them, look also at how many entries Verify counts as unsealed. Whether
// another host's ledger is to be believed is decided by who merges it: its
// passes and decisions count here as they did there.
package ledger
