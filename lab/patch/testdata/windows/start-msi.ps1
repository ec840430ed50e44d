$task = 'patchlab-RANDOM'
$dir = 'C:\ProgramData\patchlab-stage\RANDOM\task-RANDOM'
$seconds = 3660
$update = $false
$runner = '$stage = ''C:\ProgramData\patchlab-stage\RANDOM''
$dir = ''C:\ProgramData\patchlab-stage\RANDOM\task-RANDOM''
$file = ''C:\Windows\System32\msiexec.exe''
$arguments = ''/i "C:\ProgramData\patchlab-stage\RANDOM\app.msi" /qn /norestart /l*v "C:\ProgramData\patchlab-stage\RANDOM\msi.log" INSTALLDIR="C:\Program Files\it''''s" ADDLOCAL=ALL''
$ErrorActionPreference = ''Stop''
$ProgressPreference = ''SilentlyContinue''
try {
	$start = @{
		FilePath = $file; WorkingDirectory = $stage; PassThru = $true
		RedirectStandardOutput = "$dir\out.txt"; RedirectStandardError = "$dir\err.txt"
	}
	if ($arguments) { $start.ArgumentList = $arguments }
	$process = Start-Process @start
	$null = $process.Handle # else the exit code is lost
	[IO.File]::WriteAllText("$dir\pid", [string]$process.Id)
	$process.WaitForExit()
	$end = [string]$process.ExitCode
} catch {
	$end = ''cannot run it: '' + $_.Exception.Message
}
[IO.File]::WriteAllText("$dir\end.new", $end)
[IO.File]::Move("$dir\end.new", "$dir\end")
'
function Say([string]$text) { [Console]::Out.Write($text + [char]10) }
function Row { Say ((@($args) | ForEach-Object { ([string]$_) -replace '\s', ' ' }) -join [char]9) }
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
