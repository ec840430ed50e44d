foreach ($file in $files) {
	if (-not [IO.File]::Exists($file)) { continue }
	foreach ($line in @(Get-Content -LiteralPath $file -Tail 400)) { Say $line }
}
