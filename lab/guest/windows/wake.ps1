$machine = [Microsoft.Win32.Registry]::LocalMachine
$nonce = ''
$names = @()
$key = $machine.OpenSubKey($memory, $true)
if ($null -ne $key) {
	$nonce = [string]$key.GetValue('nonce')
	$names += @($key.GetValueNames() | Where-Object { $_ -like 'marker-*' })
}
Say "patchlab: nonce $nonce"
if ([IO.Directory]::Exists($disk)) {
	$names += @([IO.Directory]::GetFiles($disk, 'marker-*') | ForEach-Object { [IO.Path]::GetFileName($_) })
}
foreach ($name in @($names | Select-Object -First 100)) { Say "patchlab: marker $name" }
$file = $null
if ($marker) {
	try {
		if ($null -eq $key) {
			$key = $machine.CreateSubKey($memory,
				[Microsoft.Win32.RegistryKeyPermissionCheck]::ReadWriteSubTree, [Microsoft.Win32.RegistryOptions]::Volatile)
		}
		$key.SetValue("marker-$marker", '')
		$null = [IO.Directory]::CreateDirectory($disk)
		$file = [IO.File]::Create("$disk\marker-$marker")
	} catch {
		Fail $noMark $_.Exception.Message
	}
}
Say 'patchlab: ready'
$epoch = New-Object DateTime 1970, 1, 1, 0, 0, 0, ([DateTimeKind]::Utc)
while ($null -ne ($line = [Console]::In.ReadLine())) {
	$watch = [Diagnostics.Stopwatch]::StartNew()
	try {
		$parts = $line.Split('.')
		$want = $epoch.AddTicks([long]$parts[0] * 10000000 + [long]$parts[1].Substring(0, 7))
		$null = Set-Date -Date $want.ToLocalTime()
		# Windows takes local time by the daylight saving of the time before.
		if ([Math]::Abs(([DateTime]::UtcNow - $want - $watch.Elapsed).TotalSeconds) -gt 60) {
			$null = Set-Date -Date ($want + $watch.Elapsed).ToLocalTime()
		}
	} catch {
		Fail $noClock $_.Exception.Message
	}
	$ticks = ([DateTime]::UtcNow - $epoch).Ticks
	$rest = $ticks % 10000000
	Say ('patchlab: exact {0}.{1:d7}00' -f (($ticks - $rest) / 10000000), $rest)
}
if ($null -ne $file) {
	$file.Flush($true)
	$file.Close()
}
exit 0
