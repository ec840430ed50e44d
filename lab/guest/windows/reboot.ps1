& "$env:SystemRoot\System32\shutdown.exe" /r /t 0 /f /d p:2:17 /c patchlab
if ($LASTEXITCODE -eq 1115) { exit 0 } # it is under way already
exit $LASTEXITCODE
