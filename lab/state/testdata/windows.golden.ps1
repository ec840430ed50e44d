$watched = 'WyJDOlxcaW5ldHB1YiIsIkM6XFxpdCdzIFwiJChjYWxjKVwiIOKAmXgiXQ=='
$mostFiles = 20000
$mostBytes = 268435456
# Takes stock of a Windows machine; changes nothing on it. Prints one JSON
# document: parts, each a list of n (name) and v (value), and gaps, each why a
# part is missing. Variables set before: $watched (base64 of a JSON list of
# paths), $mostFiles, $mostBytes.
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
[Console]::OutputEncoding = New-Object Text.UTF8Encoding $false
$inv = [Globalization.CultureInfo]::InvariantCulture
$parts = @{}
$gaps = @{}

function Item($n, $v) { [pscustomobject]@{ n = "$n"; v = "$v" } }

function Part($name, [scriptblock]$of) {
	try { $parts[$name] = @(& $of) } catch { $gaps[$name] = "$($_.Exception.Message)" }
}

Part 'os' {
	$v = Get-ItemProperty 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion'
	Item 'kernel' ('{0}.{1}.{2}.{3}' -f $v.CurrentMajorVersionNumber, $v.CurrentMinorVersionNumber, $v.CurrentBuild, $v.UBR)
	Item 'build' ('{0} {1} {2}.{3}' -f $v.ProductName, $v.DisplayVersion, $v.CurrentBuild, $v.UBR)
}

Part 'package' {
	foreach ($key in 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall\*', 'HKLM:\SOFTWARE\WOW6432Node\Microsoft\Windows\CurrentVersion\Uninstall\*') {
		$arch = if ($key -like '*WOW6432Node*') { 'x86' } else { 'native' }
		foreach ($p in @(Get-ItemProperty $key -ErrorAction SilentlyContinue)) {
			if ($p.DisplayName) { Item ($p.DisplayName + ':' + $arch) ("$($p.DisplayVersion)", 'installed' | Where-Object { $_ } | Select-Object -First 1) }
		}
	}
	Get-HotFix | ForEach-Object { Item ($_.HotFixID + ':hotfix') 'installed' }
}

Part 'service' {
	# Per-user services have a random end: Name_1a2b3.
	Get-CimInstance Win32_Service | Where-Object { $_.Name -notmatch '_[0-9a-f]{4,}$' } | ForEach-Object {
		$state = switch ($_.State) { 'Running' { 'active' } 'Stopped' { 'inactive' } default { "$_".ToLowerInvariant() } }
		$mode = switch ($_.StartMode) { 'Disabled' { 'disabled' } 'Manual' { 'manual' } default { 'enabled' } }
		Item $_.Name "$state $mode"
	}
}

Part 'failed-unit' {
	# 1077: it was not started since the boot.
	Get-CimInstance Win32_Service | Where-Object { $_.State -eq 'Stopped' -and $_.ExitCode -ne 0 -and $_.ExitCode -ne 1077 } |
		ForEach-Object { Item $_.Name 'failed' }
}

Part 'port' {
	$names = @{}
	Get-Process | ForEach-Object { $names[[uint32]$_.Id] = $_.ProcessName }
	$tcp = @(Get-NetTCPConnection -State Listen | Where-Object { $_.LocalPort -lt 49152 })
	$udp = @(Get-NetUDPEndpoint | Where-Object { $_.LocalPort -lt 49152 })
	foreach ($l in @(@{ p = 'tcp'; l = $tcp }, @{ p = 'udp'; l = $udp })) {
		foreach ($c in $l.l) {
			$addr = if ("$($c.LocalAddress)".Contains(':')) { "[$($c.LocalAddress)]" } else { $c.LocalAddress }
			$by = $names[[uint32]$c.OwningProcess]
			Item "$($l.p) ${addr}:$($c.LocalPort)" $(if ($by) { $by } else { 'unknown' })
		}
	}
}

Part 'user' {
	Get-CimInstance Win32_UserAccount -Filter 'LocalAccount=True' | ForEach-Object {
		Item $_.Name ($_.SID + $(if ($_.Disabled -or $_.Lockout) { ' locked' }))
	}
}

Part 'group' {
	Get-LocalGroup | ForEach-Object {
		$sid = "$($_.SID)"
		$members = @(Get-LocalGroupMember -SID $sid -ErrorAction SilentlyContinue | ForEach-Object { $_.Name } | Sort-Object)
		Item $_.Name ($sid + ' ' + ($members -join ','))
	}
}

Part 'timer' {
	Get-ScheduledTask | ForEach-Object {
		$what = @($_.Actions | ForEach-Object { ("$($_.Execute) $($_.Arguments)").Trim() } | Where-Object { $_ }) -join ' + '
		$state = if ("$($_.State)" -eq 'Disabled') { 'disabled' } else { 'enabled' }
		Item ($_.TaskPath + $_.TaskName) "$state $what".Trim()
	}
}

Part 'firewall' {
	Get-NetFirewallProfile | ForEach-Object { Item "profile $($_.Name)" "enabled $($_.Enabled), in $($_.DefaultInboundAction), out $($_.DefaultOutboundAction)" }
	Get-NetFirewallRule -Enabled True | ForEach-Object { Item $_.Name "$($_.Direction) $($_.Action) $($_.DisplayName)" }
}

Part 'log-error' {
	$since = (Get-CimInstance Win32_OperatingSystem).LastBootUpTime
	try {
		Get-WinEvent -MaxEvents 2000 -FilterHashtable @{ LogName = 'System', 'Application'; Level = 1, 2; StartTime = $since } |
			ForEach-Object { Item "$($_.ProviderName) $($_.Id): $(("$($_.Message)" -split "`r?`n")[0])" '1' }
	} catch {
		if ($_.FullyQualifiedErrorId -notlike 'NoMatchingEventsFound*') { throw }
	}
}

Part 'memory' {
	$o = Get-CimInstance Win32_OperatingSystem
	Item 'used' ([math]::Floor(($o.TotalVisibleMemorySize - $o.FreePhysicalMemory) / 1024)).ToString($inv)
}

Part 'disk' {
	Get-CimInstance Win32_LogicalDisk -Filter 'DriveType=3' | Where-Object { $_.Size } |
		ForEach-Object { Item $_.DeviceID ([math]::Floor(($_.Size - $_.FreeSpace) / 1MB)).ToString($inv) }
}

Part 'boot-time' {
	# Of the last boot, if the log of its performance is kept.
	$e = Get-WinEvent -MaxEvents 1 -FilterHashtable @{ LogName = 'Microsoft-Windows-Diagnostics-Performance/Operational'; Id = 100; StartTime = (Get-CimInstance Win32_OperatingSystem).LastBootUpTime }
	$ms = ([xml]$e.ToXml()).Event.EventData.Data | Where-Object { $_.Name -eq 'BootTime' } | ForEach-Object { $_.'#text' }
	Item 'boot' ([math]::Round([double]$ms / 1000)).ToString($inv)
}

function Watched($path, $all) {
	if (-not (Test-Path -LiteralPath $path)) { return }
	$found = @(Get-Item -LiteralPath $path -Force)
	if ($found[0].PSIsContainer) { $found += @(Get-ChildItem -LiteralPath $path -Recurse -Force -ErrorAction SilentlyContinue) }
	$size = ($found | Where-Object { -not $_.PSIsContainer } | Measure-Object -Property Length -Sum).Sum
	if ($all.files + $found.Count -gt $mostFiles -or $all.bytes + $size -gt $mostBytes) {
		$gaps["file $path"] = "more than $mostFiles files or $mostBytes bytes in all"
		return (Item $path '?')
	}
	$all.files += $found.Count
	$all.bytes += $size
	foreach ($f in $found) {
		$mode = @("$($f.Attributes)" -split ', ' | Where-Object { $_ -notin 'Archive', 'NotContentIndexed' }) -join '+'
		if (-not $mode) { $mode = 'Normal' }
		$owner = try { (Get-Acl -LiteralPath $f.FullName).Owner -replace ' ', '_' } catch { '?' }
		if ($f.Attributes -band [IO.FileAttributes]::ReparsePoint) {
			Item $f.FullName "link $mode $owner $($f.Target)"
		} elseif ($f.PSIsContainer) {
			Item $f.FullName "dir $mode $owner"
		} else {
			try { Item $f.FullName "file $mode $owner $((Get-FileHash -Algorithm SHA256 -LiteralPath $f.FullName).Hash.ToLowerInvariant())" }
			catch { Item $f.FullName '?' }
		}
	}
}

Part 'file' {
	$all = @{ files = 0; bytes = 0 }
	foreach ($path in @([Text.Encoding]::UTF8.GetString([Convert]::FromBase64String($watched)) | ConvertFrom-Json | ForEach-Object { $_ })) { Watched $path $all }
}

@{ parts = $parts; gaps = $gaps } | ConvertTo-Json -Depth 5 -Compress
