function Say([string]$text) { [Console]::Out.Write($text + [char]10) }
function Row { Say ((@($args) | ForEach-Object { ([string]$_) -replace '\s', ' ' }) -join [char]9) }
$session = Get-ItemProperty -LiteralPath 'HKLM:\SYSTEM\CurrentControlSet\Control\Session Manager'
$files = @{}
foreach ($entry in @($session.PendingFileRenameOperations | Where-Object { $_ })) {
	$files[($entry -replace '^[*!0-9]*\\\?\?\\', '').ToLowerInvariant()] = $true
}
if ($files.Count -eq 0) { exit 0 }
$stale = @{}
foreach ($process in @(Get-Process)) {
	try {
		foreach ($module in $process.Modules) {
			if ($files.ContainsKey([string]$module.FileName.ToLowerInvariant())) { $stale[[int]$process.Id] = $true }
		}
	} catch {
		continue # a process of the system itself, or one that has ended
	}
}
foreach ($service in @(Get-CimInstance -ClassName Win32_Service -Filter 'ProcessId <> 0')) {
	if ($stale.ContainsKey([int]$service.ProcessId)) { Say $service.Name }
}
