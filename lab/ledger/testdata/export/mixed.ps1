# What may go out to lab "dental", as patchlab says on host nest at 2026-11-23 12:00 UTC.
# 8 patches are approved.
# To be run on the WSUS server, where -WhatIf shows what it would do.
# WSUS serves its own copies of the updates, which it knows by the number of their
# article (KB): nothing here proves that their bytes are those that were tested.
# The SHA-256 of the tested files stands beside each, to be compared.
# Approved, but without such a number, or nothing for Windows, or released again:
#   patch "openssl" (deb): openssl_amd64.deb, SHA-256 93f908a6fe813afba79c3817d7a07b38ef4fb3a29a9061f505b7951bfe269ac8, run run-2
#   patch "openssl" (deb): libssl3_amd64.deb, SHA-256 993719468a519026ee2655fae60d36d27efb8ff8519e5bd432bc16e7d38254e0, run run-2
#   patch "openssl" (deb): libssl3_i386.deb, SHA-256 32c7b18ad5354d3d5dc7f64c345a88ddd83375fabbbd646f355b687ad4a1dcb9, run run-2
#   patch "docs" (apt): openssl-doc_all.deb, SHA-256 ffecc9c4290ecc57ffaf9df2115c7c759d79aada3825ad546f47e95242b71e9e, approved by jane
#   patch "docs again" (deb): openssl-doc_all.deb, SHA-256 ffecc9c4290ecc57ffaf9df2115c7c759d79aada3825ad546f47e95242b71e9e, approved by jane
#   patch "clean up" (script): clean.sh, SHA-256 ae565074a59b1eb6a8d16d9e8d3a40f89726ebf02debba40343b5d3f098ba9dc, run run-2
#   patch "clean up" (script): data.csv, SHA-256 803d8eb0fe6902e3880bee63c537f65f3917f39e743a36703b093591e7054c79, run run-2
#   patch "kernel" (rpm): kernel-5.14.rpm, SHA-256 df655b0d71cff4e8c47b43c6ff44d83556df6ef10c48b3db83c4d47a85c4ca3d, run run-2
#   patch "november" (msu): ssu.msu, SHA-256 3cdf0b3b88cf6d144c5737765410996aab1b1687e425515be9308beeeb37876b, run run-2
#   patch "batch kb7654321" (batch): fix.sh, SHA-256 4fb009ec5596d6f4a48bc63960e76a4102decb0da536de30313d95bcb1e0c769, run run-2
#   patch "batch kb7654321" (batch): sudo_amd64.deb, SHA-256 7283f8d79fc33d15a7c22605cf0b9950c3d729bc6733b1b05db47452e1819648, run run-2
[CmdletBinding(SupportsShouldProcess = $true)]
param(
    [string]$Group = 'All Computers', # of computers that the updates are approved for
    [string]$Title = '*',             # only updates with titles like this one, such as '*x64*'
    [switch]$All                      # also where a number has several updates
)

Set-StrictMode -Version 2.0
$ErrorActionPreference = 'Stop'

$Approved = @(
    @{ KB = '5031356'; Patch = 'november'; File = 'windows10.0-kb5031356-x64_0a.msu'; SHA256 = '86ea28e6093b6333bb4de76feb7c595aea20e0a2077bac2a62431f72fc58a5d7'; Basis = 'run run-2' }
    @{ KB = '4567890'; Patch = 'KB4567890 for the front desk'; File = 'update.cab'; SHA256 = '4ccde6d990e57c73d659278b7ff3be3c06cbce56403a0771eb86a6d7e1f74caa'; Basis = 'run run-2' }
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
