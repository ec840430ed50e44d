package hcl

import "github.com/patchlab/patchlab/lab"

// machineSpec writes the attributes of a kind about what runs and lies on a
// machine. It reports whether s is of one.
func (w *blockWriter) machineSpec(s lab.CheckSpec) bool {
	switch c := s.(type) {
	case *lab.PackageCheck:
		w.str("name", c.Name, "")
		w.yes("installed", c.Installed, true)
		w.match("version", c.Version)
		w.str("at_least", c.AtLeast, "")
	case *lab.ProcessCheck:
		w.str("name", c.Name, "")
		w.str("user", c.User, "")
		w.rangeOf("count", c.Count, from(1))
	case *lab.ListenCheck:
		w.num("port", c.Port, 0)
		w.str("protocol", c.Protocol, "tcp")
		w.str("address", c.Address, "")
		w.str("process", c.Process, "")
		w.yes("listening", c.Listening, true)
	case *lab.FileCheck:
		w.str("path", c.Path, "")
		w.yes("exists", c.Exists, true)
		w.str("type", c.Type, "")
		w.str("sha256", c.SHA256, "")
		w.match("content", c.Content)
		w.str("owner", c.Owner, "")
		w.str("group", c.Group, "")
		w.str("mode", c.Mode, "")
		w.rangeOf("size", c.Size, lab.Range{})
	case *lab.MountCheck:
		w.str("path", c.Path, "")
		w.str("source", c.Source, "")
		w.str("type", c.Type, "")
		w.list("options", c.Options)
	case *lab.DiskCheck:
		if c.FreeMiB.IsZero() && c.FreePercent.IsZero() && c.FreeInodesPercent.IsZero() {
			w.fail("it asserts nothing of the disk")
		}
		w.str("path", c.Path, "")
		w.limits("free_mib", c.FreeMiB)
		w.limits("free_percent", c.FreePercent)
		w.limits("free_inodes_percent", c.FreeInodesPercent)
	default:
		return false
	}
	return true
}

// systemSpec is machineSpec for kinds about a machine's system.
func (w *blockWriter) systemSpec(s lab.CheckSpec) bool {
	switch c := s.(type) {
	case *lab.UserCheck:
		w.str("name", c.Name, "")
		w.yes("exists", c.Exists, true)
		w.optional("uid", c.UID)
		w.list("groups", c.Groups)
		w.str("shell", c.Shell, "")
		w.str("home", c.Home, "")
	case *lab.GroupCheck:
		w.str("name", c.Name, "")
		w.yes("exists", c.Exists, true)
		w.optional("gid", c.GID)
		w.list("members", c.Members)
	case *lab.KernelParameterCheck:
		w.str("name", c.Name, "")
		w.match("value", c.Value)
	case *lab.TaskCheck:
		w.str("name", c.Name, "")
		w.yes("enabled", c.Enabled, true)
		w.optional("last_result", c.LastResult)
	case *lab.LogCheck:
		w.str("unit", c.Unit, "")
		if c.Priority != "err" && c.Priority != "error" { // the defaults of Linux and Windows
			w.str("priority", c.Priority, "")
		}
		w.list("ignore", c.Ignore)
	case *lab.RebootCheck:
		w.yes("pending", c.Pending, false)
	case *lab.PerformanceCheck:
		w.str("run", c.Run, "")
		w.str("url", c.URL, "")
		w.yes("insecure", c.Insecure, false)
		w.num("samples", c.Samples, defaultSamples)
		if c.Factor != 0 && c.Factor != defaultFactor {
			w.attr("factor", number(c.Factor))
		}
		w.duration("slack", c.Slack, defaultSlack)
		w.duration("max", c.Max, 0)
	default:
		return w.windowsSpec(s)
	}
	return true
}

// windowsSpec is machineSpec for kinds about Windows.
func (w *blockWriter) windowsSpec(s lab.CheckSpec) bool {
	switch c := s.(type) {
	case *lab.RegistryCheck:
		w.str("key", c.Key, "")
		w.str("name", c.Name, "")
		w.yes("exists", c.Exists, true)
		w.match("value", c.Value)
	case *lab.HotfixCheck:
		w.str("id", c.ID, "")
		w.yes("installed", c.Installed, true)
	case *lab.IISSiteCheck:
		w.str("name", c.Name, "")
		w.str("state", c.State, "Started")
	case *lab.FeatureCheck:
		w.str("name", c.Name, "")
		w.yes("installed", c.Installed, true)
	default:
		return false
	}
	return true
}
