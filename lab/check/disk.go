package check

import (
	"context"
	"strconv"
	"strings"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/guest"
)

// diskCheck looks at the room that is left for others than root, in percent
// as df has it.
func diskCheck(ctx context.Context, s *lab.DiskCheck, at place) finding {
	if at.os == lab.Windows && !s.FreeInodesPercent.IsZero() {
		return finding{faults: []string{"file systems of Windows have no inodes to count"}}
	}
	got, f := at.ask(ctx, scripts{
		lab.Linux: "fact blocks; stat -f -c '%S %b %f %a %c %d' -- " + guest.Quote(s.Path),
		lab.Windows: "$d = New-Object IO.DriveInfo ([IO.Path]::GetPathRoot(" + guest.QuotePS(s.Path) + "))\n" +
			`$f['blocks'] = "1 $($d.TotalSize) $($d.TotalFreeSpace) $($d.AvailableFreeSpace) 0 0"`,
	})
	if !f.passed() {
		return f
	}
	// block size; blocks in all, free and free for others than root; inodes
	// in all and free
	n, ok := numbers(got["blocks"], 6)
	if !ok || n[1] <= 0 || n[2] > n[1] || n[1]-n[2]+n[3] <= 0 || n[5] > n[4] {
		f.fault("%s cannot tell the room at %s%s", at.name, s.Path, after(got["stderr"]))
		return f
	}
	f.seen = s.Path
	f.expectNumber("free", s.FreeMiB, n[0]*n[3]/(1<<20), "MiB")
	f.expectNumber("free", s.FreePercent, 100*n[3]/(n[1]-n[2]+n[3]), "%")
	if !s.FreeInodesPercent.IsZero() && n[4] == 0 {
		f.fault("the file system at %s does not count inodes", s.Path)
	} else {
		f.expectNumber("free", s.FreeInodesPercent, 100*n[5]/max(n[4], 1), "% of inodes")
	}
	f.seen = strings.Replace(f.seen, ", ", ": ", 1)
	return f
}

// numbers reads exactly n whole numbers from 0 on.
func numbers(text string, n int) (all []float64, ok bool) {
	for _, w := range strings.Fields(text) {
		v, err := strconv.ParseUint(w, 10, 64)
		if err != nil {
			return nil, false
		}
		all = append(all, float64(v))
	}
	return all, len(all) == n
}
