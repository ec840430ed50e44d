$path = 'C:\ProgramData\patchlab-stage\RANDOM\app.msi'
function Say([string]$text) { [Console]::Out.Write($text + [char]10) }
function Row { Say ((@($args) | ForEach-Object { ([string]$_) -replace '\s', ' ' }) -join [char]9) }
function Call($object, [string]$name, [string]$how, [object[]]$with) {
	$object.GetType().InvokeMember($name, $how, $null, $object, $with)
}
$installer = New-Object -ComObject WindowsInstaller.Installer
if ($path -like '*.msp') {
	$about = Call $installer 'SummaryInformation' 'GetProperty' @($path, 0)
	Row 'patch' (Call $about 'Property' 'GetProperty' @(9)) (Call $about 'Property' 'GetProperty' @(7))
} else {
	$database = Call $installer 'OpenDatabase' 'InvokeMethod' @($path, 0)
	$values = @()
	foreach ($name in 'ProductCode', 'ProductVersion', 'ProductName') {
		$view = Call $database 'OpenView' 'InvokeMethod' @("SELECT Value FROM Property WHERE Property = '$name'")
		$null = Call $view 'Execute' 'InvokeMethod' $null
		$record = Call $view 'Fetch' 'InvokeMethod' $null
		$values += [string](Call $record 'StringData' 'GetProperty' @(1))
		$null = Call $view 'Close' 'InvokeMethod' $null
	}
	Row 'product' $values[0] $values[1] $values[2]
}
