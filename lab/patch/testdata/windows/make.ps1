$root = 'C:\ProgramData\patchlab-stage'
$stage = 'C:\ProgramData\patchlab-stage\RANDOM'
function Say([string]$text) { [Console]::Out.Write($text + [char]10) }
function Row { Say ((@($args) | ForEach-Object { ([string]$_) -replace '\s', ' ' }) -join [char]9) }
$acl = New-Object Security.AccessControl.DirectorySecurity
$acl.SetSecurityDescriptorSddlForm('D:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)', [Security.AccessControl.AccessControlSections]::Access)
if ([IO.Directory]::Exists($root)) {
	[IO.Directory]::SetAccessControl($root, $acl)
} else {
	$null = [IO.Directory]::CreateDirectory($root, $acl)
}
$null = [IO.Directory]::CreateDirectory($stage)
