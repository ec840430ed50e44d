package check

import "strings"

// installed reads what the package managers, or Windows, say. Why says what
// they left unclear.
func (f facts) installed(name string) (is installed, why string) {
	if f.has("programs") {
		for _, l := range f.lines("programs") {
			is.versions = append(is.versions, strings.TrimSpace(strings.TrimPrefix(l, "version")))
		}
		return is, ""
	}
	if !f.has("dpkgcode") && !f.has("rpmcode") {
		return is, "there is neither dpkg-query nor rpm"
	}
	if why := is.readDpkg(f); why != "" || is.manager != "" {
		return is, why
	}
	return is, is.readRPM(f, name)
}

func (is *installed) readDpkg(f facts) (why string) {
	code, ok := f.number("dpkgcode")
	switch {
	case !f.has("dpkgcode"), ok && code == 1 && len(f.lines("dpkg")) == 0:
		return ""
	case !ok || code != 0:
		return "dpkg-query ends with exit code " + strings.TrimSpace(f["dpkgcode"])
	}
	for _, l := range f.lines("dpkg") {
		// "hold ok installed 1.2-3": what is wanted, an error flag, the state
		w := strings.Fields(l)
		if len(w) < 3 {
			return "dpkg-query answers " + quoted(l)
		}
		switch state := w[2]; {
		case state == "not-installed" || state == "config-files":
		case w[1] == "ok" && len(w) == 4 && (state == "installed" || state == "triggers-awaited" || state == "triggers-pending"):
			is.manager, is.versions = "dpkg", append(is.versions, w[3])
		case w[1] != "ok":
			is.manager, is.state = "dpkg", state+", but broken"
		default:
			is.manager, is.state = "dpkg", state
		}
	}
	return ""
}

func (is *installed) readRPM(f facts, name string) (why string) {
	if !f.has("rpmcode") {
		return ""
	}
	code, ok := f.number("rpmcode")
	lines := f.lines("rpm")
	if ok && code == 1 && len(lines) == 1 && lines[0] == "package "+name+" is not installed" {
		return ""
	}
	if !ok || code != 0 || len(lines) == 0 {
		return "rpm ends with exit code " + strings.TrimSpace(f["rpmcode"])
	}
	for _, l := range lines {
		v, ok := strings.CutPrefix(l, "is installed ")
		if !ok {
			return "rpm answers " + quoted(l)
		}
		is.manager, is.versions = "rpm", append(is.versions, v)
	}
	return ""
}
