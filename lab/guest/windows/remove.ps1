foreach ($path in $paths) { [IO.File]::Delete($path) }
