$key = [Microsoft.Win32.Registry]::LocalMachine.CreateSubKey('SOFTWARE\patchlab-boot',
	[Microsoft.Win32.RegistryKeyPermissionCheck]::ReadWriteSubTree, [Microsoft.Win32.RegistryOptions]::Volatile)
$id = [string]$key.GetValue('id')
if (-not $id) {
	$id = [Guid]::NewGuid().ToString()
	$key.SetValue('id', $id)
}
$key.Close()
Say $id
