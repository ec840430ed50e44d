$n = 16375; $b = New-Object byte[] $n; $i = [Console]::OpenStandardInput(); $o = 0
while ($o -lt $n) { $r = $i.Read($b, $o, $n - $o); if ($r -le 0) { exit 254 }; $o += $r }
. ([ScriptBlock]::Create([Text.Encoding]::UTF8.GetString($b)))
