if ([IO.Directory]::Exists($stage)) { Remove-Item -LiteralPath $stage -Recurse -Force }
if ([IO.Directory]::Exists($root) -and [IO.Directory]::GetFileSystemEntries($root).Length -eq 0) { [IO.Directory]::Delete($root) }
