$acl = New-Object Security.AccessControl.DirectorySecurity
$acl.SetSecurityDescriptorSddlForm('D:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)', [Security.AccessControl.AccessControlSections]::Access)
if ([IO.Directory]::Exists($disk)) {
	[IO.Directory]::SetAccessControl($disk, $acl)
} else {
	$null = [IO.Directory]::CreateDirectory($disk, $acl)
}
$machine = [Microsoft.Win32.Registry]::LocalMachine
$machine.DeleteSubKeyTree($memory, $false)
$key = $machine.CreateSubKey($memory,
	[Microsoft.Win32.RegistryKeyPermissionCheck]::ReadWriteSubTree, [Microsoft.Win32.RegistryOptions]::Volatile)
# Below a key that is in memory alone Windows makes none that is not.
$kept = $true
try { $key.CreateSubKey('kept').Close() } catch [IO.IOException] { $kept = $false }
if ($kept) {
	$machine.DeleteSubKeyTree($memory, $false)
	Fail 1 "HKLM\$memory is on disk, not in memory"
}
foreach ($file in [IO.Directory]::GetFiles($disk, 'marker-*')) { [IO.File]::Delete($file) }
$key.SetValue('nonce', $nonce)
$key.Close()
