function Say([string]$text) { [Console]::Out.Write($text + [char]10) }
function Fail([int]$code, [string]$why) { [Console]::Error.Write($why + [char]10); exit $code }
$disk = [Environment]::GetFolderPath('CommonApplicationData') + '\patchlab'
$memory = 'SOFTWARE\patchlab-memory'
