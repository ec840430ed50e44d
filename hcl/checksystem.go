package hcl

import (
	"regexp"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

var sysctlPattern = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_./*:@-]*$`)

func readSysctl(r *reader) *lab.KernelParameterCheck {
	return &lab.KernelParameterCheck{
		Name: r.matching("name", sysctlPattern, `the name of a kernel parameter, such as "net.ipv4.ip_forward"`), Value: r.match("value"),
	}
}

func readTask(r *reader) *lab.TaskCheck {
	c := &lab.TaskCheck{
		Name: r.optionalLine("name"), Enabled: r.boolean("enabled", true),
		LastResult: r.optionalNumber("last_result", -1<<31, 1<<32-1),
	}
	switch {
	case c.Name == "":
	case r.os == lab.Linux && (!strings.HasSuffix(c.Name, ".timer") || !unitPattern.MatchString(c.Name)):
		hint := ""
		if unitPattern.MatchString(c.Name) {
			hint = didYouMean(c.Name + ".timer")
		}
		r.fail(r.rangeOf("name"), "Invalid name", "\"name\" of %s must be a systemd timer, such as \"apt-daily.timer\"; this is %s.%s", r.what, describe(first(r.value("name"))), hint)
	case r.os == lab.Windows && !strings.HasPrefix(c.Name, `\`):
		r.fail(r.rangeOf("name"), "Invalid name", "\"name\" of %s must be the path of a scheduled task, such as \"\\\\Backup\\\\Nightly\"; this is %s.%s",
			r.what, describe(first(r.value("name"))), didYouMean(`\`+c.Name))
	}
	return c
}

func readLog(r *reader) *lab.LogCheck {
	c := &lab.LogCheck{Unit: r.optionalLine("unit"), Ignore: r.texts("ignore")}
	if r.os == lab.Windows {
		c.Priority = oneOf(r, "priority", "error", "critical", "error", "warning")
	} else {
		c.Priority = oneOf(r, "priority", "err", "emerg", "alert", "crit", "err", "warning")
	}
	items, _ := r.items("ignore", wantList)
	for _, i := range items {
		plain, _ := i.value.UnmarkDeep()
		if !plain.IsKnown() || plain.IsNull() {
			continue
		}
		if text, ok := scalarText(plain); ok {
			if _, err := regexp.Compile(text); err != nil {
				r.fail(i.at, "Invalid regular expression", "An element of \"ignore\" of %s: %s", r.what, r.regexpError(err, i))
			}
		}
	}
	return c
}

func readReboot(r *reader) *lab.RebootCheck {
	return &lab.RebootCheck{Pending: r.boolean("pending", false)}
}

var (
	registryPattern = regexp.MustCompile(`^(HKLM|HKCU|HKCR|HKU|HKCC):\\[^\\]`)
	hotfixPattern   = regexp.MustCompile(`^KB[0-9]{4,10}$`)
)

func readRegistry(r *reader) *lab.RegistryCheck {
	c := &lab.RegistryCheck{
		Key: r.optionalLine("key"), Name: r.optionalLine("name"), Exists: r.boolean("exists", true), Value: r.match("value"),
	}
	if c.Key != "" && !registryPattern.MatchString(c.Key) {
		r.fail(r.rangeOf("key"), "Invalid name", "\"key\" of %s must be a key of the registry, such as \"HKLM:\\\\SOFTWARE\\\\App\"; this is %s.%s",
			r.what, describe(first(r.value("key"))), suggestKey(c.Key))
	}
	r.belongs("name", "value")
	if !c.Exists {
		r.absent("exists", "value")
	}
	return c
}

// suggestKey writes a key of the registry as PowerShell does.
func suggestKey(key string) string {
	short := strings.NewReplacer(
		"HKEY_LOCAL_MACHINE", "HKLM", "HKEY_CURRENT_USER", "HKCU", "HKEY_CLASSES_ROOT", "HKCR", "HKEY_USERS", "HKU",
		"HKEY_CURRENT_CONFIG", "HKCC", "/", `\`,
	).Replace(key)
	hive, rest, _ := strings.Cut(short, `\`)
	if better := strings.TrimSuffix(hive, ":") + `:\` + rest; registryPattern.MatchString(better) {
		return didYouMean(better)
	}
	return ""
}

func readHotfix(r *reader) *lab.HotfixCheck {
	c := &lab.HotfixCheck{Installed: r.boolean("installed", true)}
	var ok bool
	if c.ID, ok = r.str("id", ""); ok && !hotfixPattern.MatchString(c.ID) {
		hint := ""
		if better := "KB" + strings.TrimPrefix(strings.ToUpper(c.ID), "KB"); hotfixPattern.MatchString(better) {
			hint = didYouMean(better)
		}
		r.fail(r.rangeOf("id"), "Invalid name", "\"id\" of %s must be the number of an update, such as \"KB5041160\"; this is %q.%s", r.what, c.ID, hint)
	}
	return c
}

func readIISSite(r *reader) *lab.IISSiteCheck {
	return &lab.IISSiteCheck{Name: r.optionalLine("name"), State: oneOf(r, "state", "Started", "Started", "Stopped")}
}

func readFeature(r *reader) *lab.FeatureCheck {
	return &lab.FeatureCheck{Name: r.needLine("name"), Installed: r.boolean("installed", true)}
}
