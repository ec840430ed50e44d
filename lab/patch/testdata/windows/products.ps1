function Say([string]$text) { [Console]::Out.Write($text + [char]10) }
function Row { Say ((@($args) | ForEach-Object { ([string]$_) -replace '\s', ' ' }) -join [char]9) }
# Not by Get-ItemProperty: one malformed value of a program's would end it.
function Value($key, [string]$name) { if ($null -eq $key) { '' } else { $key.GetValue($name) } }
$installer = 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Installer\UserData\S-1-5-18\Products'
foreach ($product in @(Get-ChildItem -LiteralPath $installer -ErrorAction SilentlyContinue)) {
	$about = $product.OpenSubKey('InstallProperties')
	Row 'product' $product.PSChildName (Value $about 'DisplayVersion') (Value $about 'DisplayName')
	$patches = $product.OpenSubKey('Patches')
	if ($null -eq $patches) { continue }
	foreach ($code in $patches.GetSubKeyNames()) {
		$about = $patches.OpenSubKey($code)
		Row 'patch' $product.PSChildName $code (Value $about 'State') (Value $about 'Uninstallable')
	}
}
foreach ($view in 'SOFTWARE', 'SOFTWARE\WOW6432Node') {
	$list = 'HKLM:\' + $view + '\Microsoft\Windows\CurrentVersion\Uninstall'
	foreach ($program in @(Get-ChildItem -LiteralPath $list -ErrorAction SilentlyContinue)) {
		Row 'program' $program.PSChildName (Value $program 'DisplayVersion') (Value $program 'DisplayName') (Value $program 'QuietUninstallString')
	}
}
