# What may go out to lab "dental", as patchlab says on host nest at 2026-11-23 12:00 UTC.
# 2 patches are approved.
# To be run on the WSUS server, where -WhatIf shows what it would do.
# WSUS serves its own copies of the updates, which it knows by the number of their
# article (KB): nothing here proves that their bytes are those that were tested.
# The SHA-256 of the tested files stands beside each, to be compared.
# Approved, but without such a number, or nothing for Windows, or released again:
#   patch "'; Remove-Item C:\\ -Recurse; '\u2019\u0412\\n=cmd|'/c calc'!A1\\n{{ lookup('pipe','id') }}\\u202e</script>\u2026" (script): '; Remove-Item C:\ -Recurse; '\u2019\u0412\n=cmd|'/c calc'!A1\n{{ lookup('pipe','id') }}\u202e</script>\u2026, SHA-256 '; Remove-Item C:\ -Recurse; '\u2019\u0412\n=cmd|'/c calc'!A1\n{{ lo\u2026, run '; Remove-Item C:\ -Recurse; '\u2019\u0412\n=cmd|'/c calc'!A1\n{{ lookup('pipe','id') }}\u202e</script>\u2026
#   patch "'; Remove-Item C:\\ -Recurse; '\u2019\u0412\\n=cmd|'/c calc'!A1\\n{{ lookup('pipe','id') }}\\u202e</script>\u2026" (script): +cmd.deb, SHA-256 d16d59f7a3ec04822cafdd07dd9eb5af4ca0eec2b78bbca2a655d1922f5bb00c, run '; Remove-Item C:\ -Recurse; '\u2019\u0412\n=cmd|'/c calc'!A1\n{{ lookup('pipe','id') }}\u202e</script>\u2026
#   patch "'; Remove-Item C:\\ -Recurse; '\u2019\u0412\\n=cmd|'/c calc'!A1\\n{{ lookup('pipe','id') }}\\u202e</script>\u2026" (script): -x.deb, SHA-256 fd76c3093eb07e98846e56b6eea582934cbf5f24631d67c6ec9016bd6f2de4ff, run '; Remove-Item C:\ -Recurse; '\u2019\u0412\n=cmd|'/c calc'!A1\n{{ lookup('pipe','id') }}\u202e</script>\u2026
#   patch "'; Remove-Item C:\\ -Recurse; '\u2019\u0412\\n=cmd|'/c calc'!A1\\n{{ lookup('pipe','id') }}\\u202e</script>\u2026" (script): @x.deb, SHA-256 2585bb332f22d8f69b82a6e6802c9fa7559cbf8434180d2dfe24efed305947bd, run '; Remove-Item C:\ -Recurse; '\u2019\u0412\n=cmd|'/c calc'!A1\n{{ lookup('pipe','id') }}\u202e</script>\u2026
#   patch "'; Remove-Item C:\\ -Recurse; '\u2019\u0412\\n=cmd|'/c calc'!A1\\n{{ lookup('pipe','id') }}\\u202e</script>\u2026" (script): '; Remove-Item C:\ -Recurse; '\u2019\u0412\n=cmd|'/c calc'!A1\n{{ lookup('pipe','id') }}\u202e</script>\u2026, SHA-256 '; Remove-Item C:\ -Recurse; '\u2019\u0412\n=cmd|'/c calc'!A1\n{{ lo\u2026, approved by jane
#   patch "'; Remove-Item C:\\ -Recurse; '\u2019\u0412\\n=cmd|'/c calc'!A1\\n{{ lookup('pipe','id') }}\\u202e</script>\u2026" (script): +cmd.deb, SHA-256 d16d59f7a3ec04822cafdd07dd9eb5af4ca0eec2b78bbca2a655d1922f5bb00c, approved by jane
#   patch "'; Remove-Item C:\\ -Recurse; '\u2019\u0412\\n=cmd|'/c calc'!A1\\n{{ lookup('pipe','id') }}\\u202e</script>\u2026" (script): -x.deb, SHA-256 fd76c3093eb07e98846e56b6eea582934cbf5f24631d67c6ec9016bd6f2de4ff, approved by jane
#   patch "'; Remove-Item C:\\ -Recurse; '\u2019\u0412\\n=cmd|'/c calc'!A1\\n{{ lookup('pipe','id') }}\\u202e</script>\u2026" (script): @x.deb, SHA-256 2585bb332f22d8f69b82a6e6802c9fa7559cbf8434180d2dfe24efed305947bd, approved by jane
[CmdletBinding(SupportsShouldProcess = $true)]
param(
    [string]$Group = 'All Computers', # of computers that the updates are approved for
    [string]$Title = '*',             # only updates with titles like this one, such as '*x64*'
    [switch]$All                      # also where a number has several updates
)

Set-StrictMode -Version 2.0
$ErrorActionPreference = 'Stop'

$Approved = @(
    @{ KB = '1234567'; Patch = '''; Remove-Item C:\ -Recurse; ''\u2019\u0412\n=cmd|''/c calc''!A1\n{{ lookup(''pipe'',''id'') }}\u202e</script>\ufffd"$(id)`id`'; File = '''; Remove-Item C:\ -Recurse; ''\u2019\u0412\n=cmd|''/c calc''!A1\n{{ lookup(''pipe'',''id'') }}\u202e</script>\ufffd"$(id)`id` kb1234567.msu'; SHA256 = '25292a0b4599da3fcdd94588eefdebc3204a1b115a5a698a5130c21bf2a5fed6'; Basis = 'run ''; Remove-Item C:\ -Recurse; ''\u2019\u0412\n=cmd|''/c calc''!A1\n{{ lookup(''pipe'',''id'') }}\u202e</script>\u2026' }
    @{ KB = '1234567'; Patch = '''; Remove-Item C:\ -Recurse; ''\u2019\u0412\n=cmd|''/c calc''!A1\n{{ lookup(''pipe'',''id'') }}\u202e</script>\ufffd"$(id)`id`'; File = '''; Remove-Item C:\ -Recurse; ''\u2019\u0412\n=cmd|''/c calc''!A1\n{{ lookup(''pipe'',''id'') }}\u202e</script>\ufffd"$(id)`id` kb1234567.msu'; SHA256 = '25292a0b4599da3fcdd94588eefdebc3204a1b115a5a698a5130c21bf2a5fed6'; Basis = 'approved by jane' }
)

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
