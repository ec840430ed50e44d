$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
try { [Console]::OutputEncoding = New-Object Text.UTF8Encoding $false } catch { $Error.Clear() }
[Console]::Error.Write('patchlab-MARK ' + $PID + [char]10)
[Environment]::SetEnvironmentVariable('A', '1')
[Environment]::SetEnvironmentVariable('LANG', 'it''s')
$global:LASTEXITCODE = 0
try { . ([ScriptBlock]::Create('Write-Output ''it''''s''; cmd /c exit 7')) } catch { [Console]::Error.Write([string]$_ + [char]10); exit 1 }
exit $LASTEXITCODE
