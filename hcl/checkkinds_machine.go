package hcl

// machineKinds are about what runs and lies on the machine that a check is
// made from.
func machineKinds() []checkKind {
	return []checkKind{
		{name: "package", on: onMachine, read: spec(readPackage), body: &schema{
			attrs: []string{"name", "installed", "version", "at_least"}, needed: []string{"name"},
		}},
		{name: "process", on: onMachine, read: spec(readProcess), body: &schema{
			attrs: []string{"name", "user", "count"}, needed: []string{"name"},
		}},
		{name: "listen", on: onMachine, read: spec(readListen), body: &schema{
			attrs: []string{"port", "protocol", "address", "process", "listening"}, needed: []string{"port"},
		}},
		{name: "file", on: onMachine, read: spec(readFile), body: &schema{
			attrs:  []string{"path", "exists", "type", "sha256", "content", "owner", "group", "mode", "size"},
			needed: []string{"path"},
		}},
		{name: "mount", on: onLinux, read: spec(readMount), body: &schema{
			attrs: []string{"path", "source", "type", "options"}, needed: []string{"path"},
		}},
		{name: "disk", on: onMachine, read: spec(readDisk), body: &schema{
			attrs: []string{"path", "free_mib", "free_percent", "free_inodes_percent"}, needed: []string{"path"},
		}},
	}
}

// systemKinds are about the system of the machine that a check is made from.
func systemKinds() []checkKind {
	return []checkKind{
		{name: "user", on: onMachine, read: spec(readUser), body: &schema{
			attrs: []string{"name", "exists", "uid", "groups", "shell", "home"}, needed: []string{"name"},
		}},
		{name: "group", on: onMachine, read: spec(readGroup), body: &schema{
			attrs: []string{"name", "exists", "gid", "members"}, needed: []string{"name"},
		}},
		{name: "sysctl", on: onLinux, read: spec(readSysctl), body: &schema{
			attrs: []string{"name", "value"}, needed: []string{"name", "value"},
		}},
		{name: "task", on: onMachine, read: spec(readTask), body: &schema{
			attrs: []string{"name", "enabled", "last_result"}, needed: []string{"name"},
		}},
		{name: "log", on: onMachine, alone: true, read: spec(readLog), body: &schema{
			attrs: []string{"unit", "priority", "ignore"},
		}},
		{name: "reboot", on: onMachine, read: spec(readReboot), body: &schema{attrs: []string{"pending"}}},
		{name: "performance", alone: true, read: spec(readPerformance), body: &schema{
			attrs: []string{"run", "url", "insecure", "samples", "factor", "slack", "max"},
		}},
	}
}

func windowsKinds() []checkKind {
	return []checkKind{
		{name: "registry", on: onWindows, read: spec(readRegistry), body: &schema{
			attrs: []string{"key", "name", "exists", "value"}, needed: []string{"key"},
		}},
		{name: "hotfix", on: onWindows, read: spec(readHotfix), body: &schema{
			attrs: []string{"id", "installed"}, needed: []string{"id"},
		}},
		{name: "iis_site", on: onWindows, read: spec(readIISSite), body: &schema{
			attrs: []string{"name", "state"}, needed: []string{"name"},
		}},
		{name: "feature", on: onWindows, read: spec(readFeature), body: &schema{
			attrs: []string{"name", "installed"}, needed: []string{"name"},
		}},
	}
}
