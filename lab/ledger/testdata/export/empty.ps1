# What may go out to lab "dental", as patchlab says on host nest at 2026-11-23 12:00 UTC.
# Nothing is approved.
# To be run on the WSUS server, where -WhatIf shows what it would do.
# WSUS serves its own copies of the updates, which it knows by the number of their
# article (KB): nothing here proves that their bytes are those that were tested.
# The SHA-256 of the tested files stands beside each, to be compared.
[CmdletBinding(SupportsShouldProcess = $true)]
param(
    [string]$Group = 'All Computers', # of computers that the updates are approved for
    [string]$Title = '*',             # only updates with titles like this one, such as '*x64*'
    [switch]$All                      # also where a number has several updates
)

Set-StrictMode -Version 2.0
$ErrorActionPreference = 'Stop'

$Approved = @(
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
