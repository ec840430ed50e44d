package suggest

import (
	"context"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// windowsScript prints sections as linuxScript does; fields stand between
// tabs.
const windowsScript = `$ErrorActionPreference = 'SilentlyContinue'
'== services'
Get-Service | Where-Object { $_.Status -eq 'Running' } | ForEach-Object { "$($_.Name)` + "`t" + `$($_.StartType)" }
'== tcp'
Get-NetTCPConnection -State Listen | ForEach-Object { "$($_.LocalAddress)` + "`t" + `$($_.LocalPort)" }
'== disks'
Get-CimInstance Win32_LogicalDisk -Filter 'DriveType=3' | ForEach-Object { $_.DeviceID }
'== iis'
if (Get-Command Get-Website) { Get-Website | Where-Object { $_.State -eq 'Started' } | ForEach-Object { $_.Name } }
'== sites'
if (Get-Command Get-WebBinding) { Get-WebBinding | ForEach-Object { $_.bindingInformation } }
exit 0`

// windowsFacts takes stock of a Windows machine.
func windowsFacts(ctx context.Context, g lab.Guest) (facts, error) {
	text, err := ask(ctx, g, windowsScript)
	if err != nil {
		return facts{}, err
	}
	return parseWindows(text), nil
}

func parseWindows(text string) facts {
	sections := split(text)
	f := facts{
		services: windowsServices(sections["services"]),
		ports:    windowsPorts(sections["tcp"]),
		iis:      iisNames(sections["iis"]),
		sites:    bindingNames(sections["sites"]),
	}
	for _, line := range sections["disks"] {
		if id := strings.TrimSpace(line); len(id) == 2 && id[1] == ':' && id[0] >= 'A' && id[0] <= 'Z' {
			f.mounts = append(f.mounts, id+`\`)
		}
	}
	slices.Sort(f.mounts)
	return f
}

// windowsServices are the services that run, are started at boot, and are not
// the system's own business. Others may end by themselves at any time.
func windowsServices(lines []string) []service {
	var out []service
	for _, line := range lines {
		name, start, _ := strings.Cut(line, "\t")
		if strings.TrimSpace(start) == "Automatic" && unitName.MatchString(name) && !windowsOwn(name) {
			out = append(out, service{name, true})
		}
	}
	slices.SortFunc(out, func(a, b service) int { return strings.Compare(a.name, b.name) })
	return out[:min(len(out), maxThings)]
}

// windowsOwn reports whether a service is one of those that every Windows
// has. Those of a single user carry a number that changes ("CDPUserSvc_4a3b1").
func windowsOwn(name string) bool {
	if i := strings.LastIndexByte(name, '_'); i >= 0 && len(name)-i > 4 {
		if _, err := strconv.ParseUint(name[i+1:], 16, 64); err == nil {
			return true
		}
	}
	return excluded(strings.ToLower(name), windowsNoise)
}

var windowsNoise = []string{
	"appinfo", "appidsvc", "audiosrv", "audioendpointbuilder", "bfe", "brokerinfrastructure", "bits", "cdpsvc", "clipsvc",
	"coremessagingregistrar", "cryptsvc", "dcomlaunch", "dhcp", "diagtrack", "dispbrokerdesktopsvc", "dnscache", "dosvc", "dps", "dusmsvc",
	"eventlog", "eventsystem", "fontcache", "gpsvc", "ikeext", "installservice", "iphlpsvc", "keyiso", "lanmanworkstation", "lfsvc", "licensemanager",
	"lmhosts", "lsm", "mpssvc", "msdtc", "ncbservice", "netprofm", "netsetupsvc", "nlasvc", "nsi", "pcasvc", "plugplay", "policyagent", "power", "profsvc",
	"rasman", "rpceptmapper", "rpcss", "samss", "schedule", "securityhealthservice", "sense", "sens", "sgrmbroker", "shellhwdetection", "spooler", "sppsvc",
	"sshd", "ssh-agent", "staterepository", "storsvc", "sysmain", "systemeventsbroker", "tabletinputservice", "textinputmanagementservice", "themes",
	"tiledatamodelsvc", "timebrokersvc", "tokenbroker", "trkwks", "trustedinstaller", "ualsvc", "umrdpservice", "usermanager", "usosvc", "vaultsvc",
	"w32time", "waasmedicsvc", "wcmsvc", "wdiservicehost", "wdisystemhost", "wdnissvc", "webclient", "wersvc", "winhttpautoproxysvc", "windefend", "winmgmt",
	"winrm", "wlidsvc", "wlms", "wpnservice", "wscsvc", "wsearch", "wuauserv", "qemu*", "qga", "virtio*", "balloonservice",
}

// windowsPorts reads lines of address and port.
func windowsPorts(lines []string) []netip.AddrPort {
	var out []netip.AddrPort
	for _, line := range lines {
		addr, port, _ := strings.Cut(line, "\t")
		a, err := netip.ParseAddr(strings.TrimSpace(addr))
		n, err2 := strconv.ParseUint(strings.TrimSpace(port), 10, 16)
		if err != nil || err2 != nil || n == 0 || a.IsLoopback() || a.IsLinkLocalUnicast() {
			continue
		}
		out = append(out, netip.AddrPortFrom(a.Unmap(), uint16(n)))
	}
	return sortPorts(out)
}

// iisNames are the names of IIS' sites.
func iisNames(lines []string) []string {
	var out []string
	for _, line := range lines {
		if name := strings.TrimSpace(line); plain(name) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out[:min(len(out), maxSites)]
}

// bindingNames are the host names in IIS' bindings, "*:80:www.example.com".
func bindingNames(lines []string) []string {
	var names []string
	for _, line := range lines {
		if i := strings.LastIndexByte(line, ':'); i >= 0 {
			names = append(names, "ServerName "+line[i+1:])
		}
	}
	return siteNames(names)
}
