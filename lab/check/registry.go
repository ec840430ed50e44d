package check

import (
	"context"
	"strconv"
	"strings"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/guest"
)

// hives are the roots of the registry by their short names: not all of them
// have a drive.
var hives = map[string]string{
	"HKLM": "HKEY_LOCAL_MACHINE", "HKCU": "HKEY_CURRENT_USER", "HKU": "HKEY_USERS",
	"HKCR": "HKEY_CLASSES_ROOT", "HKCC": "HKEY_CURRENT_CONFIG",
}

// registryKey is key as every PowerShell finds it: `HKLM:\SOFTWARE` and
// `HKEY_LOCAL_MACHINE\SOFTWARE` are the same.
func registryKey(key string) (full string, ok bool) {
	hive, rest, _ := strings.Cut(key, `\`)
	hive = strings.ToUpper(strings.TrimSuffix(hive, ":"))
	if long, short := hives[hive]; short {
		hive = long
	}
	for _, known := range hives {
		if hive == known {
			return `Registry::` + hive + `\` + strings.Trim(rest, `\`), true
		}
	}
	return "", false
}

// registryCheck looks at a key, or at a value of it. Numbers are compared as
// they are without a sign, bytes in hex, several texts as lines.
func registryCheck(ctx context.Context, s *lab.RegistryCheck, at place) finding {
	key, ok := registryKey(s.Key)
	if !ok {
		return finding{faults: []string{quoted(s.Key) + " is no key of the registry"}}
	}
	got, f := at.ask(ctx, scripts{lab.Windows: registryScript(key, s.Name)})
	if !f.passed() {
		return f
	}
	what := s.Key
	there := got.has("key")
	if s.Name != "" {
		what += `\` + s.Name
		there = got.has("kind")
	}
	value, valid := got.registryValue()
	switch {
	case !there && !got.has("absent"):
		f.fault("cannot tell whether %s is there", what)
	case !there && s.Exists:
		f.fault("%s is not there", what)
	case !there:
		f.seen = what + " is not there"
	case !s.Exists:
		f.fault("%s is there, want it absent", what)
	case !s.Value.IsZero() && !valid:
		f.fault("%s has a value of kind %s, which cannot be compared", what, orDefault(got["kind"], "unknown"))
	default:
		f.seen = what + " is there"
		f.expect(what, s.Value, []byte(value), false)
	}
	return f
}

func registryScript(key, name string) string {
	script := "$k = $null\ntry { $k = Get-Item -LiteralPath " + guest.QuotePS(key) + ` } catch {
	if ("$($_.CategoryInfo.Category)" -ne 'ObjectNotFound') { throw }
	$f['absent'] = ''
}
if ($k) { $f['key'] = '' }`
	if name == "" {
		return script
	}
	if strings.EqualFold(name, "(default)") {
		name = "" // as the registry has it
	}
	return script + "\n$name = " + guest.QuotePS(name) + `
if ($k -and $k.GetValueNames() -contains $name) {
	$f['kind'] = "$($k.GetValueKind($name))"
	$v = $k.GetValue($name, $null, 'DoNotExpandEnvironmentNames')
	if ($v -is [byte[]]) { $f['value'] = [BitConverter]::ToString($v).Replace('-', '').ToLower() }
	else { $f['value'] = @($v | ForEach-Object { "$_" }) -join [char]10 }
} else { $f['absent'] = '' }`
}

// registryValue is the value as text. PowerShell gives numbers a sign.
func (f facts) registryValue() (text string, ok bool) {
	switch f["kind"] {
	case "String", "ExpandString", "MultiString", "Binary":
		return f["value"], true
	case "DWord":
		n, err := strconv.ParseInt(f["value"], 10, 32)
		return strconv.FormatUint(uint64(uint32(n)), 10), err == nil //nolint:gosec // the same bits
	case "QWord":
		n, err := strconv.ParseInt(f["value"], 10, 64)
		return strconv.FormatUint(uint64(n), 10), err == nil //nolint:gosec // the same bits
	}
	return "", false
}
