$state = [string](Get-ScheduledTask -TaskName $task -TaskPath '\' -ErrorAction SilentlyContinue).State
if ([IO.File]::Exists("$dir\end")) {
	Row 'end' ([IO.File]::ReadAllText("$dir\end"))
} elseif ($state -eq 'Running' -or $state -eq 'Queued') {
	$names = Get-Process -Name wusa, dism, msiexec, TiWorker, TrustedInstaller -ErrorAction SilentlyContinue |
		ForEach-Object { $_.ProcessName } | Sort-Object -Unique
	Row 'runs' (@($names) -join ', ')
} else {
	$result = (Get-ScheduledTaskInfo -TaskName $task -TaskPath '\' -ErrorAction SilentlyContinue).LastTaskResult
	Row 'gone' "the task is in state ""$state"", its last result is $result"
}
