package ledger

import (
	"bytes"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/guest"
)

// kbNumber matches the number of an article in the Microsoft Knowledge Base,
// by which WSUS knows updates.
var kbNumber = regexp.MustCompile(`(?i)(?:^|[^a-z0-9])kb[-_ ]?([0-9]{6,7})(?:[^0-9]|$)`)

// wsusUpdate is a file of an approved patch that WSUS can find by its number.
type wsusUpdate struct {
	kb, patch, file, sum, basis string
}

const wsusHead = `[CmdletBinding(SupportsShouldProcess = $true)]
param(
    [string]$Group = 'All Computers', # of computers that the updates are approved for
    [string]$Title = '*',             # only updates with titles like this one, such as '*x64*'
    [switch]$All                      # also where a number has several updates
)

Set-StrictMode -Version 2.0
$ErrorActionPreference = 'Stop'

`

const wsusTail = `
Write-Warning 'WSUS serves its own copies of the updates: nothing here proves that their bytes are those that were tested. Their SHA-256 are in this script.'
if ($Approved.Count -eq 0) {
    Write-Output 'Nothing is approved.'
    return
}

[void][System.Reflection.Assembly]::LoadWithPartialName('Microsoft.UpdateServices.Administration')
$Wsus = Get-WsusServer
$Target = $Wsus.GetComputerTargetGroups() | Where-Object { $_.Name -eq $Group } | Select-Object -First 1
if ($null -eq $Target) {
    throw ('there is no group of computers "{0}" on this WSUS server' -f $Group)
}

function Find-Update($Number) {
    $Wsus.SearchUpdates($Number) | Where-Object {
        ($_.KnowledgebaseArticles -contains $Number) -and (-not $_.IsDeclined) -and ($_.Title -like $Title)
    }
}

foreach ($Tested in $Approved) {
    $Found = @(Find-Update $Tested.KB)
    if ($Found.Count -eq 0) {
        Write-Warning ('KB{0}: this WSUS server has no such update' -f $Tested.KB)
        continue
    }
    if (($Found.Count -gt 1) -and (-not $All)) {
        Write-Warning ('KB{0}: {1} updates have this number, {2} was tested. None is approved; choose with -Title, or -All:' -f $Tested.KB, $Found.Count, $Tested.File)
        $Found | ForEach-Object { Write-Warning ('  {0}' -f $_.Title) }
        continue
    }
    foreach ($Update in $Found) {
        if ($PSCmdlet.ShouldProcess($Update.Title, ('approve for "{0}"' -f $Group))) {
            if ($Update.RequiresLicenseAgreementAcceptance) {
                $Update.AcceptLicenseAgreement()
            }
            [void]$Update.Approve([Microsoft.UpdateServices.Administration.UpdateApprovalAction]::Install, $Target)
            Write-Output ('KB{0}: approved for "{1}": {2}' -f $Tested.KB, $Group, $Update.Title)
        }
    }
}
`

// writeWSUS writes a script for Windows PowerShell 5.1 on a WSUS server. It is
// plain ASCII: without a mark at its beginning that PowerShell reads a script
// in the system's code page, where parts of other characters are quotes.
func writeWSUS(out *bytes.Buffer, s approvedSet) error {
	updates, left := wsusUpdates(s)
	lines := append(s.heading(),
		"To be run on the WSUS server, where -WhatIf shows what it would do.",
		"WSUS serves its own copies of the updates, which it knows by the number of their",
		"article (KB): nothing here proves that their bytes are those that were tested.",
		"The SHA-256 of the tested files stands beside each, to be compared.")
	if len(left) > 0 {
		lines = append(lines, "Approved, but without such a number, or nothing for Windows, or released again:")
		for _, line := range left {
			lines = append(lines, "  "+line)
		}
	}
	for _, line := range lines {
		comment(out, ascii(line))
	}
	out.WriteString(wsusHead)
	out.WriteString("$Approved = @(\n")
	for _, u := range updates {
		fmt.Fprintf(out, "    @{ KB = %s; Patch = %s; File = %s; SHA256 = %s; Basis = %s }\n",
			literal(u.kb), literal(u.patch), literal(u.file), literal(u.sum), literal(u.basis))
	}
	out.WriteString(")\n")
	out.WriteString(wsusTail)
	return nil
}

func literal(s string) string { return guest.QuotePS(ascii(s)) }

// wsusUpdates are the files of approved patches that WSUS may know, and what
// else is in them.
func wsusUpdates(s approvedSet) (updates []wsusUpdate, left []string) {
	for _, e := range s.entries {
		for _, f := range filesOut(e) {
			kb, source := numberOf(e, f), fileOf(e, f)+", "+basis(e)
			if kb == "" {
				left = append(left, source)
				continue
			}
			if why := s.released(f, func(x Entry, o lab.FileRecord) bool { return numberOf(x, o) == kb }); why != "" {
				left = append(left, source+": "+why)
				continue
			}
			updates = append(updates, wsusUpdate{kb, e.Patch.Name, f.Name, f.SHA256, basis(e)})
		}
	}
	return updates, left
}

// numberOf is the number by which WSUS may know f, a file of e; empty: it does
// not. A patch of which no file has a number in its name is known by its own.
func numberOf(e Entry, f lab.FileRecord) string {
	if !isForWindows(e, f) {
		return ""
	}
	if slices.ContainsFunc(filesOut(e), func(o lab.FileRecord) bool { return isForWindows(e, o) && numberIn(o.Name) != "" }) {
		return numberIn(f.Name)
	}
	return numberIn(e.Patch.Name)
}

func numberIn(name string) string {
	if m := kbNumber.FindStringSubmatch(filepath.Base(name)); m != nil {
		return m[1]
	}
	return ""
}

// isForWindows reports whether f is an update for Windows that e installs.
func isForWindows(e Entry, f lab.FileRecord) bool {
	switch e.Patch.Kind {
	case lab.PatchFile:
		return false
	case lab.PatchMSU, lab.PatchCAB, lab.PatchMSP, lab.PatchMSI, lab.PatchEXE:
		return true
	}
	return hasSuffix(f, ".msu", ".cab", ".msp", ".msi", ".exe")
}

// ascii writes all other characters of one line as escapes.
func ascii(s string) string {
	var b strings.Builder
	for _, r := range lab.Printable(s, 0) {
		if r < 0x80 {
			b.WriteRune(r)
			continue
		}
		quoted := strconv.QuoteRuneToASCII(r)
		b.WriteString(quoted[1 : len(quoted)-1])
	}
	return b.String()
}
