$files = @('C:\ProgramData\patchlab-stage\RANDOM\task-RANDOM\out.txt', 'C:\ProgramData\patchlab-stage\RANDOM\task-RANDOM\err.txt', 'C:\ProgramData\patchlab-stage\RANDOM\dism.log')
function Say([string]$text) { [Console]::Out.Write($text + [char]10) }
function Row { Say ((@($args) | ForEach-Object { ([string]$_) -replace '\s', ' ' }) -join [char]9) }
foreach ($file in $files) {
	if (-not [IO.File]::Exists($file)) { continue }
	foreach ($line in @(Get-Content -LiteralPath $file -Tail 400)) { Say $line }
}
