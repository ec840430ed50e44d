package hcl

import (
	"regexp"

	"github.com/zclconf/go-cty/cty"

	"github.com/patchlab/patchlab/lab"
)

var (
	packageNamePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9+._-]*(:[a-z0-9_-]+)?$`)
	versionPattern     = regexp.MustCompile(`^[A-Za-z0-9.+:~^_-]+$`)
)

func readPackage(r *reader) *lab.PackageCheck {
	c := &lab.PackageCheck{
		Name: r.optionalLine("name"), Installed: r.boolean("installed", true), Version: r.match("version"),
		AtLeast: r.version("at_least"),
	}
	if c.Name != "" && r.os == lab.Linux && isLine(c.Name) && !packageNamePattern.MatchString(c.Name) {
		r.fail(r.rangeOf("name"), "Invalid name", "\"name\" of %s must be the name of a package, such as \"apache2\"; this is %s.", r.what, describe(first(r.value("name"))))
	}
	if !c.Installed {
		r.absent("installed", "version", "at_least")
	}
	return c
}

// version reads a version. A number is refused: 2.40 would be read as 2.4.
func (r *reader) version(name string) string {
	const want = `a version in quotes, such as "1:2.4.62-1"`
	if v, ok := r.plain(name); ok && v.Type() == cty.Number {
		r.wrongType(name, r.rangeOf(name), want, v)
		return ""
	}
	return r.matching(name, versionPattern, want)
}

func readProcess(r *reader) *lab.ProcessCheck {
	return &lab.ProcessCheck{Name: r.optionalLine("name"), User: r.optionalLine("user"), Count: r.rangeAttr("count", counts, from(1))}
}

func readListen(r *reader) *lab.ListenCheck {
	return &lab.ListenCheck{
		Port: r.number("port", 1, 65535, 0), Protocol: oneOf(r, "protocol", "tcp", "tcp", "udp"),
		Address: r.address("address"), Process: r.optionalLine("process"), Listening: r.boolean("listening", true),
	}
}

func readFile(r *reader) *lab.FileCheck {
	c := &lab.FileCheck{
		Path: r.guestPath("path"), Exists: r.boolean("exists", true), SHA256: r.sha256("sha256"),
		Content: r.match("content"), Owner: r.optionalLine("owner"), Group: r.optionalLine("group"),
		Mode: r.mode("mode"), Size: r.rangeAttr("size", counts, lab.Range{}),
	}
	if r.has("type") {
		c.Type = oneOf(r, "type", "", "file", "directory", "link")
	}
	r.onlyOn(lab.Linux, "mode")
	if !c.Exists {
		r.absent("exists", "type", "sha256", "content", "owner", "group", "mode", "size")
	}
	return c
}

func readMount(r *reader) *lab.MountCheck {
	c := &lab.MountCheck{Path: r.guestPath("path"), Source: r.optionalLine("source"), Type: r.optionalLine("type")}
	c.Options = r.words("options")
	return c
}

// words reads a list of one-line texts that are shown.
func (r *reader) words(name string) []string {
	var out []string
	for _, i := range r.strs(name) {
		if !isLine(i.text()) {
			r.fail(i.at, "Invalid text", "%q, in %q of %s, must be one line of text.", i.text(), name, r.what)
			continue
		}
		out = append(out, i.text())
	}
	return out
}

func readDisk(r *reader) *lab.DiskCheck {
	c := &lab.DiskCheck{
		Path: r.guestPath("path"), FreeMiB: r.rangeAttr("free_mib", freeMiB, lab.Range{}),
		FreePercent:       r.rangeAttr("free_percent", freePercent, lab.Range{}),
		FreeInodesPercent: r.rangeAttr("free_inodes_percent", freePercent, lab.Range{}),
	}
	r.onlyOn(lab.Linux, "free_inodes_percent")
	if !r.has("free_mib") && !r.has("free_percent") && !r.has("free_inodes_percent") && r.has("path") && !r.doubtful() {
		r.fail(r.self.DefRange(), "Empty check", "The %s asserts nothing: it takes \"free_mib\", \"free_percent\" or \"free_inodes_percent\".", r.what)
	}
	return c
}

const maxID = 1<<32 - 2 // of a user or group

func readUser(r *reader) *lab.UserCheck {
	c := &lab.UserCheck{
		Name: r.optionalLine("name"), Exists: r.boolean("exists", true), UID: r.optionalNumber("uid", 0, maxID),
		Groups: r.words("groups"), Shell: r.optionalLine("shell"), Home: r.guestPath("home"),
	}
	r.onlyOn(lab.Linux, "uid", "shell")
	if !c.Exists {
		r.absent("exists", "uid", "groups", "shell", "home")
	}
	return c
}

func readGroup(r *reader) *lab.GroupCheck {
	c := &lab.GroupCheck{
		Name: r.optionalLine("name"), Exists: r.boolean("exists", true), GID: r.optionalNumber("gid", 0, maxID),
		Members: r.words("members"),
	}
	r.onlyOn(lab.Linux, "gid")
	if !c.Exists {
		r.absent("exists", "gid", "members")
	}
	return c
}
