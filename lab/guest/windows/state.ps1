$setup = [Microsoft.Win32.Registry]::LocalMachine.OpenSubKey('SYSTEM\Setup')
if ($setup.GetValue('SystemSetupInProgress') -eq 1 -or $setup.GetValue('OOBEInProgress') -eq 1) {
	Say 'wait its first-boot configuration is running'
	exit 0
}
if (Test-Path -LiteralPath 'HKLM:\SYSTEM\CurrentControlSet\Control\SafeBoot\Option') {
	Say 'fail the system is in safe mode'
	exit 0
}
$seconds = [Diagnostics.Stopwatch]::GetTimestamp() / [Diagnostics.Stopwatch]::Frequency
if ($seconds -lt 300) {
	$core = 'EventLog', 'LanmanServer', 'LanmanWorkstation', 'ProfSvc', 'RpcSs', 'SamSs', 'Schedule', 'Winmgmt'
	$late = @(Get-Service -ErrorAction SilentlyContinue | Where-Object {
			$_.Status -eq 'StartPending' -or
			($core -contains $_.Name -and $_.StartType -eq 'Automatic' -and $_.Status -ne 'Running')
		})
	if ($late.Count -gt 0) {
		Say ('wait service ' + $late[0].Name + ' is starting')
		exit 0
	}
}
if ($packages) {
	$busy = @(Get-Process -Name TiWorker, TrustedInstaller, wusa, dism, DismHost -ErrorAction SilentlyContinue)
	if ($busy.Count -gt 0) {
		Say ('wait Windows is being serviced ({0}, process {1})' -f $busy[0].ProcessName, $busy[0].Id)
		exit 0
	}
	$held = $false
	try {
		$mutex = [Threading.Mutex]::OpenExisting('Global\_MSIExecute')
		try { $held = -not $mutex.WaitOne(0) } catch [Threading.AbandonedMutexException] { $held = $false }
		if (-not $held) { $mutex.ReleaseMutex() }
		$mutex.Close()
	} catch [Threading.WaitHandleCannotBeOpenedException] {
		$held = $false
	} catch [UnauthorizedAccessException] {
		$held = $true
	}
	if ($held) {
		Say 'wait the Windows Installer is at work'
		exit 0
	}
}
Say 'ready'
