$acl = New-Object Security.AccessControl.DirectorySecurity
$acl.SetSecurityDescriptorSddlForm('D:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)', [Security.AccessControl.AccessControlSections]::Access)
if ([IO.Directory]::Exists($root)) {
	[IO.Directory]::SetAccessControl($root, $acl)
} else {
	$null = [IO.Directory]::CreateDirectory($root, $acl)
}
$null = [IO.Directory]::CreateDirectory($stage)
