package check

import (
	"context"
	"regexp"
	"strconv"
	"strings"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/guest"
)

// plainVersion is what versions of deb and rpm are made of. None of it means
// anything to rpm's macros or to Lua.
var plainVersion = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.+~^:_-]*$`)

// compareVersions has the machine's package manager compare the installed
// version with the wanted one: below 0 when it is older. An epoch that want
// leaves out is left out of the comparison: it would make any version newer.
func compareVersions(ctx context.Context, manager, version, want string, at place) (order int, f finding) {
	if manager == "" {
		order, ok := compareDotted(version, want)
		if !ok {
			f.fault("versions %s and %s cannot be compared", quoted(version), quoted(want))
		}
		return order, f
	}
	if !plainVersion.MatchString(version) || !plainVersion.MatchString(want) {
		f.fault("versions %s and %s cannot be compared", quoted(version), quoted(want))
		return 0, f
	}
	if !strings.Contains(want, ":") {
		_, rest, cut := strings.Cut(version, ":")
		if cut {
			version = rest
		}
	}
	script := dpkgOrder(version, want)
	if manager == "rpm" {
		script = rpmOrder(version, want)
	}
	got, f := at.ask(ctx, scripts{lab.Linux: script})
	if !f.passed() {
		return 0, f
	}
	for _, w := range strings.Fields(got["order"]) {
		n, err := strconv.Atoi(w)
		if err != nil || n < -1 || n > 1 {
			break
		}
		if order == 0 {
			order = n
		}
	}
	if !orders.MatchString(got["order"]) {
		f.fault("%s cannot compare versions %s and %s", manager, version, want)
	}
	return order, f
}

// orders are the results of one comparison, or of those of rpm's three parts,
// the most important first.
var orders = regexp.MustCompile(`^(-?[01])( -?[01])*\s*$`)

// dpkgOrder uses exit codes: 0 and 1 are answers, all else is an error.
func dpkgOrder(version, want string) string {
	return `fact order
dpkg --compare-versions ` + guest.Quote(version) + ` ge ` + guest.Quote(want) + ` </dev/null
case $? in 0) echo 1 ;; 1) echo -1 ;; *) echo error ;; esac`
}

// rpmOrder compares epoch, version and release one by one: older rpms compare
// one part only. A release that is not wanted is not compared.
func rpmOrder(version, want string) string {
	e1, v1, r1 := splitEVR(version)
	e2, v2, r2 := splitEVR(want)
	if r2 == "" {
		r1 = ""
	}
	var parts []string
	for _, p := range [][2]string{{e1, e2}, {v1, v2}, {r1, r2}} {
		if p[0] != p[1] {
			parts = append(parts, "rpm.vercmp('"+orDefault(p[0], "0")+"','"+orDefault(p[1], "0")+"')")
		}
	}
	if len(parts) == 0 {
		return "fact order; echo 0"
	}
	return "fact order; rpm --eval " + guest.Quote("%{lua:print("+strings.Join(parts, " .. ' ' .. ")+")}")
}

func splitEVR(s string) (epoch, version, release string) {
	epoch, version, ok := strings.Cut(s, ":")
	if !ok {
		epoch, version = "", s
	}
	if i := strings.LastIndexByte(version, '-'); i >= 0 {
		version, release = version[:i], version[i+1:]
	}
	return epoch, version, release
}

// compareDotted compares versions such as 10.0.20348.2655 number by number;
// the shorter one is filled with zeros.
func compareDotted(a, b string) (order int, ok bool) {
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	for i := range max(len(x), len(y)) {
		var n [2]uint64
		for j, parts := range [][]string{x, y} {
			if i >= len(parts) {
				continue
			}
			var err error
			if n[j], err = strconv.ParseUint(parts[i], 10, 63); err != nil {
				return 0, false
			}
		}
		if n[0] != n[1] && order == 0 {
			order = 1
			if n[0] < n[1] {
				order = -1
			}
		}
	}
	return order, true
}
