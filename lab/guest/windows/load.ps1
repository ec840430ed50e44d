function Sample { Get-CimInstance -ClassName Win32_PerfRawData_PerfOS_Processor | Where-Object { $_.Name -ne '_Total' } }
$first = @{}
foreach ($cpu in @(Sample)) { $first[$cpu.Name] = $cpu }
Start-Sleep -Seconds 2
$idle = 0.0
$whole = 0.0
foreach ($cpu in @(Sample)) {
	$before = $first[$cpu.Name]
	if ($null -eq $before) { continue }
	$idle += [double]$cpu.PercentProcessorTime - [double]$before.PercentProcessorTime # it counts what is idle
	$whole += [double]$cpu.Timestamp_Sys100NS - [double]$before.Timestamp_Sys100NS
}
if ($whole -le 0) { Fail 1 'its processor time does not go on' }
$share = [Math]::Min([Math]::Max([int][Math]::Floor(100 - 100 * $idle / $whole), 0), 100)
if ($share -lt $limit) {
	Say $share
	exit 0
}
$used = @{}
foreach ($process in @(Get-Process)) { $used[$process.Id] = [double]$process.CPU }
Start-Sleep -Seconds 1
$name = ''
$most = 0.0
foreach ($process in @(Get-Process)) {
	if ($process.Id -eq 0 -or -not $used.ContainsKey($process.Id)) { continue }
	$more = [double]$process.CPU - $used[$process.Id]
	if ($more -gt $most) {
		$most = $more
		$name = $process.ProcessName
	}
}
Say "$share $name"
exit 0
