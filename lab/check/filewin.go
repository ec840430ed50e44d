package check

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf16"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/guest"
)

func windowsFile(s *lab.FileCheck) string {
	script := "$p = " + guest.QuotePS(s.Path) + `
$i = $null
try { $i = Get-Item -LiteralPath $p -Force } catch {
	if ("$($_.CategoryInfo.Category)" -eq 'ObjectNotFound') { $f['absent'] = '' }
	$f['stat'] = "$($_.Exception.Message)"
}
if ($i) {
	$f['there'] = ''
	$f['kind'] = 'file'
	if ($i.PSIsContainer) { $f['kind'] = 'directory' }
	if ("$($i.LinkType)" -match '^(SymbolicLink|Junction)$') { $f['link'] = '' }
	$f['size'] = "$([long]$i.Length)"
	$acl = Get-Acl -LiteralPath $p
	$f['owner'] = "$($acl.Owner)"
	$f['group'] = "$($acl.Group)"
`
	if s.SHA256 != "" {
		script += "\tif (-not $i.PSIsContainer) { $f['sha256'] = \"$((Get-FileHash -LiteralPath $p -Algorithm SHA256).Hash)\" }\n"
	}
	if !s.Content.IsZero() {
		script += fmt.Sprintf(`	if (-not $i.PSIsContainer) {
		$in = New-Object IO.FileStream($p, [IO.FileMode]::Open, [IO.FileAccess]::Read, [IO.FileShare]'ReadWrite, Delete')
		$b = New-Object byte[] %d
		$n = 0
		while ($n -lt $b.Length -and ($r = $in.Read($b, $n, $b.Length - $n)) -gt 0) { $n += $r }
		$in.Close()
		$f['base64'] = [Convert]::ToBase64String($b, 0, $n)
	}
`, maxText+1)
	}
	return script + "}"
}

// windowsFile reads the facts of a file of Windows. A link is one only where
// a link is wanted; names of owners are good without their domain too.
func (f facts) windowsFile(want string) (st fileState, ok bool) {
	size, ok := f.number("size")
	st = fileState{kind: f["kind"], size: size}
	if want == "link" && f.has("link") {
		st.kind = want
	}
	st.owner, st.group = accountNames(f["owner"]), accountNames(f["group"])
	return st, ok
}

func accountNames(full string) []string {
	return []string{full, full[strings.LastIndexByte(full, '\\')+1:]}
}

// withoutUTF16 makes UTF-8 without a mark of text that begins with the mark
// of another encoding.
func withoutUTF16(b []byte) []byte {
	if rest, ok := bytes.CutPrefix(b, []byte("\xef\xbb\xbf")); ok {
		return rest
	}
	rest, ok := bytes.CutPrefix(b, []byte("\xff\xfe"))
	if !ok {
		return b
	}
	words := make([]uint16, len(rest)/2)
	for i := range words {
		words[i] = binary.LittleEndian.Uint16(rest[2*i:])
	}
	return []byte(string(utf16.Decode(words)))
}
