$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
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
	$end = 'cannot run it: ' + $_.Exception.Message
}
[IO.File]::WriteAllText("$dir\end.new", $end)
[IO.File]::Move("$dir\end.new", "$dir\end")
