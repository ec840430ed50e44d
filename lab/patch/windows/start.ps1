$null = [IO.Directory]::CreateDirectory($dir)
[IO.File]::WriteAllText("$dir\run.ps1", $runner, (New-Object Text.UTF8Encoding $true))
if ($update) {
	# wusa needs Windows Update's service, which is disabled on machines of a lab.
	$was = (Get-Service -Name wuauserv).StartType
	if ($was -eq 'Disabled') {
		[IO.File]::WriteAllText("$dir\disabled", '')
		Set-Service -Name wuauserv -StartupType Manual
	}
}
$action = New-ScheduledTaskAction -Execute "$env:SystemRoot\System32\WindowsPowerShell\v1.0\powershell.exe" -Argument (
	'-NoLogo -NoProfile -NonInteractive -ExecutionPolicy Bypass -File "' + $dir + '\run.ps1"')
$system = New-ScheduledTaskPrincipal -UserId 'S-1-5-18' -LogonType ServiceAccount -RunLevel Highest
$settings = New-ScheduledTaskSettingsSet -AllowStartIfOnBatteries -DontStopIfGoingOnBatteries -Priority 4 -ExecutionTimeLimit (
	New-TimeSpan -Seconds $seconds)
$null = Register-ScheduledTask -TaskName $task -TaskPath '\' -Action $action -Principal $system -Settings $settings -Force
Start-ScheduledTask -TaskName $task -TaskPath '\'
