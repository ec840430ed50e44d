$policies = 'HKEY_LOCAL_MACHINE\SOFTWARE\Policies\Microsoft\'
[Microsoft.Win32.Registry]::SetValue($policies + 'Windows\WindowsUpdate\AU', 'NoAutoUpdate', 1, 'DWord')
[Microsoft.Win32.Registry]::SetValue($policies + 'Windows Defender\Signature Updates', 'ScheduleDay', 8, 'DWord')
[Microsoft.Win32.Registry]::SetValue($policies + 'Windows Defender\Signature Updates', 'SignatureUpdateInterval', 0, 'DWord')
[Microsoft.Win32.Registry]::SetValue($policies + 'WindowsStore', 'AutoDownload', 2, 'DWord')
# These need the services below. Many are the system's own, and refuse.
foreach ($folder in '\Microsoft\Windows\UpdateOrchestrator\', '\Microsoft\Windows\WindowsUpdate\', '\Microsoft\Windows\WaaSMedic\') {
	foreach ($task in @(Get-ScheduledTask -TaskPath $folder -ErrorAction SilentlyContinue)) {
		try { $null = Disable-ScheduledTask -InputObject $task } catch { continue }
	}
}
$bad = @()
foreach ($service in @(Get-Service -Name $services -ErrorAction SilentlyContinue)) {
	$why = ''
	try {
		Set-Service -Name $service.Name -StartupType Disabled
		Stop-Service -Name $service.Name -Force -WarningAction SilentlyContinue
	} catch {
		$why = ' (' + $_.Exception.Message + ')'
	}
	$now = Get-Service -Name $service.Name
	if ($now.Status -ne 'Stopped' -or $now.StartType -ne 'Disabled') { $bad += $service.Name + $why }
}
if ($bad.Count -gt 0) { Fail 1 ('still there: ' + ($bad -join ', ')) }
exit 0
