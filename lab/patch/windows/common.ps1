function Say([string]$text) { [Console]::Out.Write($text + [char]10) }
function Row { Say ((@($args) | ForEach-Object { ([string]$_) -replace '\s', ' ' }) -join [char]9) }
