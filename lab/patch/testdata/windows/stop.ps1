$task = 'patchlab-RANDOM'
$dir = 'C:\ProgramData\patchlab-stage\RANDOM\task-RANDOM'
function Say([string]$text) { [Console]::Out.Write($text + [char]10) }
function Row { Say ((@($args) | ForEach-Object { ([string]$_) -replace '\s', ' ' }) -join [char]9) }
if ([IO.File]::Exists("$dir\pid") -and -not [IO.File]::Exists("$dir\end")) {
	$null = & "$env:SystemRoot\System32\taskkill.exe" /T /F /PID ([IO.File]::ReadAllText("$dir\pid"))
}
Stop-ScheduledTask -TaskName $task -TaskPath '\' -ErrorAction SilentlyContinue
Unregister-ScheduledTask -TaskName $task -TaskPath '\' -Confirm:$false -ErrorAction SilentlyContinue
if ([IO.File]::Exists("$dir\disabled")) {
	Set-Service -Name wuauserv -StartupType Disabled
	Stop-Service -Name wuauserv -Force -WarningAction SilentlyContinue
}
if (Get-ScheduledTask -TaskName $task -TaskPath '\' -ErrorAction SilentlyContinue) { throw "task $task is still registered" }
exit 0
