function Say([string]$text) { [Console]::Out.Write($text + [char]10) }
function Row { Say ((@($args) | ForEach-Object { ([string]$_) -replace '\s', ' ' }) -join [char]9) }
$version = Get-ItemProperty -LiteralPath 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion'
Row 'build' ([string]$version.CurrentBuild + '.' + [string]$version.UBR)
foreach ($package in @(Get-WindowsPackage -Online)) { Row 'package' $package.PackageName $package.PackageState }
foreach ($fix in @(Get-HotFix)) { Row 'hotfix' $fix.HotFixID }
