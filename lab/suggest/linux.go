package suggest

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/patchlab/patchlab/lab"
)

const (
	lookLimit = 2 * time.Minute
	maxThings = 100 // of each kind, on one machine
)

// linuxScript prints sections, each begun by a line "== name". It starts few
// processes, and what is missing leaves its section empty.
const linuxScript = `echo '== units'
systemctl list-units --type=service --state=running --no-legend --plain --full --no-pager
echo '== enabled'
systemctl list-unit-files --type=service --state=enabled,enabled-runtime --no-legend --full --no-pager
echo '== tcp'
cat /proc/net/tcp /proc/net/tcp6
echo '== mounts'
cat /proc/mounts
echo '== sites'
grep -hiE '^[[:space:]]*((ServerName|ServerAlias|server_name|DocumentRoot|root)[[:space:]]|</?VirtualHost|server[[:space:]]*([{]|$))' \
	/etc/apache2/sites-enabled/* /etc/apache2/vhosts.d/*.conf /etc/apache2/default-server.conf /etc/httpd/conf/httpd.conf /etc/httpd/conf.d/*.conf \
	/etc/nginx/nginx.conf /etc/nginx/sites-enabled/* /etc/nginx/conf.d/*.conf
echo '== mysql'
for c in mariadb mysql; do
	command -v $c >/dev/null || continue
	$c -N -B -e "SELECT s.schema_name, t.table_name FROM information_schema.schemata s LEFT JOIN information_schema.tables t ON t.table_schema = s.schema_name AND t.table_type = 'BASE TABLE' WHERE s.schema_name NOT IN ('information_schema', 'performance_schema', 'mysql', 'sys') ORDER BY s.schema_name, t.data_length DESC, t.table_name"
	break
done
echo '== postgres'
cd / && command -v psql >/dev/null && runuser -u postgres -- psql -XAtc 'SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate ORDER BY 1'
exit 0`

// linuxFacts takes stock of a Linux machine.
func linuxFacts(ctx context.Context, g lab.Guest) (facts, error) {
	text, err := ask(ctx, g, "{\n"+linuxScript+"\n} 2>/dev/null </dev/null")
	if err != nil {
		return facts{}, err
	}
	sections := split(text)
	f := facts{
		services: linuxServices(sections["units"], sections["enabled"]),
		ports:    procPorts(sections["tcp"]),
		web:      webSites(sections["sites"]),
		mounts:   diskMounts(sections["mounts"]),
		mysql:    mysqlTables(sections["mysql"]),
	}
	for _, w := range f.web {
		f.sites = append(f.sites, w.names...)
	}
	slices.Sort(f.sites)
	f.sites = slices.Compact(f.sites)
	f.sites = f.sites[:min(len(f.sites), maxThings)]
	if err := linuxPages(ctx, g, &f); err != nil {
		return facts{}, err
	}
	f.postgres, err = postgresTables(ctx, g, sections["postgres"])
	return f, err
}

// ask runs a command that looks at a machine.
func ask(ctx context.Context, g lab.Guest, shell string) (string, error) {
	out, err := g.Run(ctx, lab.Command{Shell: shell, Timeout: lookLimit, Env: map[string]string{"LC_ALL": "C"}})
	if err != nil {
		return "", err
	}
	if out.ExitCode != 0 {
		return "", &lab.GuestError{
			Machine: g.Machine().Name, Op: "look at", Tail: string(out.Stderr),
			Err: fmt.Errorf("what looks around there ended with exit code %d", out.ExitCode),
		}
	}
	if out.Truncated {
		return "", &lab.GuestError{Machine: g.Machine().Name, Op: "look at", Err: errors.New("there is too much to look at")}
	}
	return string(out.Stdout), nil
}

// split gives each section's lines, without empty ones.
func split(text string) map[string][]string {
	out := map[string][]string{}
	name := ""
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if title, ok := strings.CutPrefix(line, "== "); ok {
			name = title
		} else if strings.TrimSpace(line) != "" {
			out[name] = append(out[name], line)
		}
	}
	return out
}

var unitName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9:_.@-]*$`)

// linuxServices are the running services that are not the system's own
// business. Escaped names (a "\x2d" in them) are left out.
func linuxServices(units, enabled []string) []service {
	atBoot := map[string]bool{}
	for _, line := range enabled {
		if words := strings.Fields(line); len(words) > 0 {
			atBoot[words[0]] = true
		}
	}
	var out []service
	for _, line := range units {
		words := strings.Fields(line)
		if len(words) < 4 || words[2] != "active" || words[3] != "running" {
			continue
		}
		name, ok := strings.CutSuffix(words[0], ".service")
		if ok && unitName.MatchString(name) && !excluded(name, linuxNoise) {
			out = append(out, service{name, atBoot[words[0]]})
		}
	}
	slices.SortFunc(out, func(a, b service) int { return strings.Compare(a.name, b.name) })
	return out[:min(len(out), maxThings)]
}

// linuxNoise are services that no customer would miss by name, as patterns of
// path.Match.
var linuxNoise = []string{
	"systemd-*", "getty@*", "serial-getty@*", "console-getty", "autovt@*", "user@*", "user-runtime-dir@*", "session-*",
	"dbus", "dbus-broker", "polkit", "polkitd", "rtkit-daemon", "accounts-daemon", "udisks2", "upower", "colord",
	"networking", "NetworkManager", "NetworkManager-*", "networkd-dispatcher", "wicked*", "wpa_supplicant", "ifup@*", "netplan-*", "ModemManager",
	"ssh@*", "sshd@*", "cloud-*", "qemu-guest-agent", "unattended-upgrades", "packagekit", "apt-*", "dnf-*", "man-db", "logrotate",
	"irqbalance", "tuned", "multipathd", "lvm2-*", "mdmonitor", "haveged", "rngd", "thermald", "fwupd", "snapd", "plymouth-*", "nscd", "gssproxy",
}

func excluded(name string, noise []string) bool {
	return slices.ContainsFunc(noise, func(pattern string) bool {
		ok, err := path.Match(pattern, name)
		return err == nil && ok
	})
}

// procPorts reads /proc/net/tcp and tcp6, see proc(5): where something listens
// that others can reach.
func procPorts(lines []string) []netip.AddrPort {
	var out []netip.AddrPort
	for _, line := range lines {
		words := strings.Fields(line)
		if len(words) < 4 || words[3] != "0A" { // LISTEN
			continue
		}
		at, err := procAddr(words[1])
		if err == nil && !at.Addr().IsLoopback() && !at.Addr().IsLinkLocalUnicast() && at.Port() != 0 {
			out = append(out, at)
		}
	}
	return sortPorts(out)
}

// procAddr reads "0100007F:0050": words of 32 bits in the machine's byte
// order, which is little-endian everywhere that patchlab has machines for.
func procAddr(text string) (netip.AddrPort, error) {
	addr, port, _ := strings.Cut(text, ":")
	raw, err := hex.DecodeString(addr)
	if err != nil || len(raw) != 4 && len(raw) != 16 {
		return netip.AddrPort{}, fmt.Errorf("%q is no address", lab.Printable(text, 40))
	}
	for i := 0; i < len(raw); i += 4 {
		slices.Reverse(raw[i : i+4])
	}
	n, err := strconv.ParseUint(port, 16, 16)
	if err != nil {
		return netip.AddrPort{}, err
	}
	a, _ := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(a.Unmap(), uint16(n)), nil
}

// sortPorts sorts by port, then address, each once.
func sortPorts(list []netip.AddrPort) []netip.AddrPort {
	slices.SortFunc(list, func(a, b netip.AddrPort) int {
		if a.Port() != b.Port() {
			return int(a.Port()) - int(b.Port())
		}
		return a.Compare(b)
	})
	list = slices.Compact(list)
	return list[:min(len(list), maxThings)]
}

var hostName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$`)

// siteNames are the names in lines such as "ServerName www.example.com:80" and
// "server_name a b;".
func siteNames(lines []string) []string {
	var out []string
	for _, line := range lines {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(strings.TrimRight(strings.TrimSpace(line), ";"))
		for _, w := range words[min(len(words), 1):] {
			name, _, _ := strings.Cut(strings.ToLower(w), ":")
			if len(name) <= 253 && hostName.MatchString(name) && !isAddr(name) {
				out = append(out, name)
			}
		}
	}
	slices.Sort(out)
	out = slices.Compact(out)
	return out[:min(len(out), maxThings)]
}

func isAddr(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil
}

// diskMounts are where file systems on disks are mounted, by /proc/mounts.
func diskMounts(lines []string) []string {
	var out []string
	for _, line := range lines {
		words := strings.Fields(line)
		if len(words) < 4 || !slices.Contains([]string{"ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "jfs", "zfs"}, words[2]) {
			continue
		}
		options := strings.Split(words[3], ",")
		at := words[1]
		if strings.HasPrefix(at, "/") && !strings.ContainsAny(at, `\"$%`) && slices.Contains(options, "rw") && !strings.HasPrefix(at, "/var/lib/docker/") {
			out = append(out, at)
		}
	}
	slices.Sort(out)
	out = slices.Compact(out)
	return out[:min(len(out), 20)]
}
