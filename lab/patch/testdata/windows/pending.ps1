function Say([string]$text) { [Console]::Out.Write($text + [char]10) }
function Row { Say ((@($args) | ForEach-Object { ([string]$_) -replace '\s', ' ' }) -join [char]9) }
$windows = 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\'
if (Test-Path -LiteralPath ($windows + 'Component Based Servicing\RebootPending')) { Say 'the servicing of Windows components asks for it' }
if (Test-Path -LiteralPath ($windows + 'Component Based Servicing\RebootInProgress')) { Say 'the servicing of Windows components is between two reboots' }
if (Test-Path -LiteralPath ($windows + 'WindowsUpdate\Auto Update\RebootRequired')) { Say 'Windows Update asks for it' }
$session = Get-ItemProperty -LiteralPath 'HKLM:\SYSTEM\CurrentControlSet\Control\Session Manager'
$files = @($session.PendingFileRenameOperations | Where-Object { $_ })
if ($files.Count -gt 0) { Say ('files in use are to be replaced or deleted, such as ' + ($files[0] -replace '^[*!0-9]*\\\?\?\\', '')) }
$volatile = (Get-ItemProperty -LiteralPath 'HKLM:\SOFTWARE\Microsoft\Updates' -ErrorAction SilentlyContinue).UpdateExeVolatile
if ($volatile) { Say 'an update asks for it (UpdateExeVolatile)' }
$names = 'HKLM:\SYSTEM\CurrentControlSet\Control\ComputerName\'
$active = (Get-ItemProperty -LiteralPath ($names + 'ActiveComputerName')).ComputerName
$next = (Get-ItemProperty -LiteralPath ($names + 'ComputerName')).ComputerName
if ($active -ne $next) { Say "the computer is to be renamed from $active to $next" }
