package ledger

import (
	"bytes"
	"encoding/csv"
	"strconv"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// writeCSV writes a row for each file, below one with the columns' names.
func writeCSV(out *bytes.Buffer, s approvedSet) error {
	w := csv.NewWriter(out)
	w.UseCRLF = true
	rows := [][]string{{
		"lab", "patch", "kind", "patch_sha256", "run", "approved_by", "time", "until",
		"file", "sha256", "size", "package", "version", "arch",
	}}
	for _, e := range s.entries {
		run, by := "", ""
		if e.Kind == Run {
			run = e.Run.ID
		} else {
			by = deciders(&e)
		}
		for _, f := range filesOut(e) {
			rows = append(rows, []string{
				s.lab, e.Patch.Name, string(e.Patch.Kind), e.Patch.SHA256, run, by, rfc3339(timeOf(&e)), rfc3339(endOf(e)),
				f.Name, f.SHA256, strconv.FormatInt(f.Size, 10), f.Package, f.Version, f.Arch,
			})
		}
	}
	for _, row := range rows {
		for i := range row {
			row[i] = cell(row[i])
		}
		if err := w.Write(row); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}

// cell is text of one line that no spreadsheet takes for a formula: those
// begin with one of these, some programs look past white space, and some know
// the signs' wide forms.
func cell(text string) string {
	first := strings.TrimLeft(text, " \t\r\n")
	if strings.HasPrefix(text, "\t") || strings.HasPrefix(text, "\r") || strings.HasPrefix(text, "\n") ||
		first != "" && strings.ContainsRune("=+-@＝＋－＠", []rune(first)[0]) {
		text = "'" + text
	}
	return lab.Printable(text, 0)
}
