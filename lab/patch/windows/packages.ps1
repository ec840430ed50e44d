$version = Get-ItemProperty -LiteralPath 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion'
Row 'build' ([string]$version.CurrentBuild + '.' + [string]$version.UBR)
foreach ($package in @(Get-WindowsPackage -Online)) { Row 'package' $package.PackageName $package.PackageState }
foreach ($fix in @(Get-HotFix)) { Row 'hotfix' $fix.HotFixID }
