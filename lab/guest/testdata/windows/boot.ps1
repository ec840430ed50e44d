function Say([string]$text) { [Console]::Out.Write($text + [char]10) }
function Fail([int]$code, [string]$why) { [Console]::Error.Write($why + [char]10); exit $code }
$disk = [Environment]::GetFolderPath('CommonApplicationData') + '\patchlab'
$memory = 'SOFTWARE\patchlab-memory'
$key = [Microsoft.Win32.Registry]::LocalMachine.CreateSubKey('SOFTWARE\patchlab-boot',
	[Microsoft.Win32.RegistryKeyPermissionCheck]::ReadWriteSubTree, [Microsoft.Win32.RegistryOptions]::Volatile)
$id = [string]$key.GetValue('id')
if (-not $id) {
	$id = [Guid]::NewGuid().ToString()
	$key.SetValue('id', $id)
}
$key.Close()
Say $id
