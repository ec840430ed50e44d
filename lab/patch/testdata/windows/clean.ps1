$root = 'C:\ProgramData\patchlab-stage'
$stage = 'C:\ProgramData\patchlab-stage\RANDOM'
function Say([string]$text) { [Console]::Out.Write($text + [char]10) }
function Row { Say ((@($args) | ForEach-Object { ([string]$_) -replace '\s', ' ' }) -join [char]9) }
if ([IO.Directory]::Exists($stage)) { Remove-Item -LiteralPath $stage -Recurse -Force }
if ([IO.Directory]::Exists($root) -and [IO.Directory]::GetFileSystemEntries($root).Length -eq 0) { [IO.Directory]::Delete($root) }
