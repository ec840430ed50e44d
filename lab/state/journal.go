package state

import (
	"errors"
	"regexp"
	"strconv"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// mostMessages is how many different errors of the log are kept.
const mostMessages = 500

// journalHead is what stands before a message: its time and the host's name.
var journalHead = regexp.MustCompile(`^\w{3} [ \d]\d \d\d:\d\d:\d\d \S+ `)

// readJournal reads errors of the journal.
func readJournal(st *stock, data []byte) error {
	var messages []string
	for line := range strings.Lines(string(data)) {
		head := journalHead.FindString(line)
		if head == "" {
			continue // of several lines, the first says what it is
		}
		messages = append(messages, message(line[len(head):]))
	}
	st.count(messages, mostMessages)
	return nil
}

// placeholders stand for what differs from one time to the next, tried in
// this order.
var placeholders = []struct {
	what *regexp.Regexp
	name string
}{
	{regexp.MustCompile(`(?i)\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b`), "<mac>"},
	{regexp.MustCompile(`\b\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.,]\d+)?)?(Z|[+-]\d\d:?\d\d)?)?`), "<time>"},
	{regexp.MustCompile(`\b(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? )?(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) +\d{1,2}(?: \d\d:\d\d:\d\d)?\b`), "<time>"},
	{regexp.MustCompile(`\b\d\d:\d\d:\d\d([.,]\d+)?\b`), "<time>"},
	{regexp.MustCompile(`(?i)\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b`), "<id>"},
	{regexp.MustCompile(`\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b`), "<addr>"},
	{regexp.MustCompile(`(?i)\b(?:[0-9a-f]{1,4}:){2,7}(?::?[0-9a-f]{1,4})+(?:%\w+)?|\b(?:[0-9a-f]{1,4}:)+:(?:[0-9a-f]{1,4}(?::[0-9a-f]{1,4})*)?(?:%\w+)?`), "<addr>"},
	{regexp.MustCompile(`(?i)\b0x[0-9a-f]+\b`), "<hex>"},
	{regexp.MustCompile(`(?i)\b[0-9a-f]*(?:\d[a-f]|[a-f]\d)[0-9a-f]{5,}\b`), "<hex>"},
	{regexp.MustCompile(`\b\d+(?:[.,]\d+)*|\d{3,}`), "<n>"},
}

// message is a message of a log without numbers, addresses and times, so that
// it is the same each time. Up to two digits behind letters stay: "eth0".
func message(s string) string {
	s = lab.Printable(strings.TrimSpace(s), 2048)
	for _, p := range placeholders {
		s = p.what.ReplaceAllString(s, p.name)
	}
	return s
}

// diskTypes are the file systems of disks.
var diskTypes = []string{"ext", "xfs", "btrfs", "zfs", "vfat", "exfat", "jfs", "reiser", "f2fs", "bcachefs", "ntfs", "fuseblk", "nilfs"}

// readDisks reads "df -PkT": device, type, size, used, free, part, where.
func readDisks(st *stock, data []byte) error {
	for line := range strings.Lines(string(data)) {
		f := strings.Fields(line)
		if len(f) < 7 || !isDisk(f[1]) {
			continue
		}
		kib, err := strconv.ParseInt(f[3], 10, 64)
		if err != nil {
			continue
		}
		st.set(lab.StateDisk, strings.Join(f[6:], " "), strconv.FormatInt(kib>>10, 10))
	}
	if !strings.Contains(string(data), "\n") {
		return errors.New("df says nothing")
	}
	return nil
}

func isDisk(fs string) bool {
	for _, t := range diskTypes {
		if strings.HasPrefix(fs, t) {
			return true
		}
	}
	return false
}
