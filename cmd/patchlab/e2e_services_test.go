//go:build e2e

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/patchlab/patchlab/lab"
)

// servicesLab is a lab of one machine with a server of every protocol that
// checks speak, and with dnf beside apt: Debian packages both.
const servicesLab = `
lab "services" {}

variable "password" {
  type      = string
  default   = "tide5and4harbour3"
  sensitive = true
}

image "services" {
  build {
    distro  = "debian"
    release = "bookworm"
    packages = [
      "dnf", "dovecot-imapd", "dovecot-pop3d", "iputils-ping", "mariadb-server", "postfix",
      "postgresql-15", "rpm", "samba", "slapd",
    ]
  }
}

network "office" {
  subnet = "192.168.1.0/24"
  domain = "harbour.lan"
}

machine "srv" {
  image  = image.services
  memory = "640MiB"
  nic {
    network = network.office
    address = "192.168.1.20"
  }
  setup {
    upload = { "setup.sh" = "/root/setup.sh" }
    run    = ["sh -e /root/setup.sh '${var.password}'"]
  }
}
`

// servicesSetup configures the servers; $1 is the password of everybody.
const servicesSetup = `password=$1
useradd -m -s /bin/bash anna
echo "anna:$password" | chpasswd
postconf -e 'inet_interfaces = all' 'inet_protocols = ipv4' 'mydestination = harbour.lan, localhost' 'home_mailbox = Maildir/' 'mynetworks = 127.0.0.0/8 192.168.1.0/24' 'myhostname = srv.harbour.lan' 'mydomain = harbour.lan'
newaliases
systemctl restart postfix
printf 'mail_location = maildir:~/Maildir\ndisable_plaintext_auth = no\nlisten = *\n' >/etc/dovecot/conf.d/99-lab.conf
systemctl restart dovecot
printf '%s\n' 'slapd slapd/domain string harbour.lan' 'slapd shared/organization string Harbour' "slapd slapd/password1 password $password" "slapd slapd/password2 password $password" 'slapd slapd/purge_database boolean true' 'slapd slapd/move_old_database boolean true' | debconf-set-selections
dpkg-reconfigure -f noninteractive slapd
printf 'PasswordAuthentication yes\n' >/etc/ssh/sshd_config.d/10-lab.conf
systemctl reload ssh
mkdir -p /srv/practice
echo 'opening hours' >/srv/practice/hours.txt
printf '[practice]\npath = /srv/practice\nvalid users = anna\n' >>/etc/samba/smb.conf
printf '%s\n%s\n' "$password" "$password" | smbpasswd -a -s anna
systemctl restart smbd
sed -i 's/^bind-address.*/bind-address = 0.0.0.0/' /etc/mysql/mariadb.conf.d/50-server.cnf
systemctl restart mariadb
mariadb -e "create database booking; create table booking.slots (id int, name varchar(20)); insert into booking.slots values (1, 'early'), (2, null); create user 'app'@'%' identified by '$password'; grant select on booking.* to 'app'@'%'"
echo "listen_addresses = '*'" >/etc/postgresql/15/main/conf.d/lab.conf
echo 'host all app 192.168.1.0/24 scram-sha-256' >>/etc/postgresql/15/main/pg_hba.conf
systemctl restart postgresql@15-main
cd /
runuser -u postgres -- psql -qc "create user app password '$password'" -c 'create database booking owner app'
cat >/etc/systemd/system/echo.service <<'UNIT'
[Service]
ExecStart=/usr/bin/python3 -c "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('0.0.0.0', 7007)); [s.sendto(b'echo ' + m, a) for m, a in iter(lambda: s.recvfrom(2000), None)]"
[Install]
WantedBy=multi-user.target
UNIT
printf '[Service]\nExecStart=/bin/true\n' >/etc/systemd/system/lab.service
printf '[Timer]\nOnCalendar=yearly\n[Install]\nWantedBy=timers.target\n' >/etc/systemd/system/lab.timer
systemctl enable --now echo lab.timer
`

// servicesChecks holds a check of each kind that a Linux machine can have.
const servicesChecks = `
check "ping from the gateway" {
  ping { host = "srv.harbour.lan" }
}
check "ping from the machine" {
  from = machine.srv
  ping { host = "192.168.1.1" }
}
check "udp from the gateway" {
  udp {
    host   = "srv"
    port   = 7007
    send   = "hello"
    expect = "echo hello"
  }
}
check "udp from the machine" {
  from = machine.srv
  udp {
    host   = "127.0.0.1"
    port   = 7007
    send   = "it's"
    expect = "echo it's"
  }
}
check "tls" {
  tls {
    host       = "srv"
    port       = 993
    insecure   = true
    days_left  = { min = 30 }
    min_version = "1.2"
  }
}
check "starttls" {
  tls {
    host     = "srv"
    port     = 143
    starttls = "imap"
    insecure = true
    min_version = "1.2"
  }
}
check "mail arrives" {
  timeout = "30s"
  retries = 1
  smtp {
    host = "srv"
    from = "desk@harbour.lan"
    to   = "anna@harbour.lan"
    deliver {
      host     = "srv"
      user     = "anna"
      password = var.password
    }
  }
}
check "imap over tls" {
  imap {
    host     = "srv"
    security = "tls"
    insecure = true
    user     = "anna"
    password = var.password
  }
}
check "pop3" {
  pop3 {
    host     = "srv"
    user     = "anna"
    password = var.password
  }
}
check "ldap" {
  ldap {
    host     = "srv"
    user     = "cn=admin,dc=harbour,dc=lan"
    password = var.password
    base     = "dc=harbour,dc=lan"
    filter   = "(objectClass=dcObject)"
    attributes = { o = "Harbour" }
  }
}
check "smb" {
  smb {
    host     = "srv"
    share    = "practice"
    user     = "anna"
    password = var.password
    file     = "hours.txt"
    content  = "opening hours"
  }
}
check "mariadb" {
  sql {
    driver   = "mysql"
    host     = "srv"
    user     = "app"
    password = var.password
    database = "booking"
    query    = "select id, name from slots order by id"
    rows     = [["1", "early"], ["2", "NULL"]]
  }
}
check "postgresql from the machine" {
  from = machine.srv
  sql {
    driver   = "postgres"
    host     = "192.168.1.20"
    user     = "app"
    password = var.password
    database = "booking"
    query    = "select count(*) from pg_tables"
    count    = 1
  }
}
check "ssh" {
  ssh {
    host     = "srv"
    user     = "anna"
    password = var.password
    run      = "id -un"
    stdout   = "anna"
  }
}
check "package" {
  from = machine.srv
  package {
    name     = "postfix"
    at_least = "3.5"
  }
}
check "process" {
  from = machine.srv
  process {
    name  = "smbd"
    user  = "root"
    count = { min = 1 }
  }
}
check "listens" {
  from = machine.srv
  listen {
    port    = 389
    process = "slapd"
  }
}
check "file" {
  from = machine.srv
  file {
    path    = "/srv/practice/hours.txt"
    owner   = "root"
    mode    = "0644"
    content = "opening hours"
  }
}
check "mount" {
  from = machine.srv
  mount {
    path    = "/"
    type    = "ext4"
    options = ["rw"]
  }
}
check "disk" {
  from = machine.srv
  disk {
    path         = "/"
    free_percent = { min = 5 }
  }
}
check "user" {
  from = machine.srv
  user {
    name  = "anna"
    shell = "/bin/bash"
  }
}
check "group" {
  from = machine.srv
  group { name = "sambashare" }
}
check "sysctl" {
  from = machine.srv
  sysctl {
    name  = "net.ipv4.ip_forward"
    value = { equals = "0" }
  }
}
check "log" {
  from = machine.srv
  log {}
}
check "no reboot pending" {
  from = machine.srv
  reboot { pending = false }
}
check "fast enough" {
  from = machine.srv
  performance {
    run    = "true"
    factor = 10
  }
}
check "timer" {
  from = machine.srv
  task {
    name    = "lab.timer"
    enabled = true
  }
}
check "any" {
  any {
    tcp {
      host = "srv"
      port = 1
    }
    tcp {
      host = "srv"
      port = 25
    }
  }
}
check "all" {
  all {
    dns {
      name    = "srv.harbour.lan"
      answers = ["192.168.1.20"]
    }
    tcp {
      host   = "srv"
      port   = 25
      expect = "220"
    }
  }
}
`

// rpmOf builds a package of one's own and returns its path.
func rpmOf(t *testing.T, dir, name, version string) string {
	t.Helper()
	top := t.TempDir()
	spec := filepath.Join(top, "p.spec")
	text := "Name: " + name + "\nVersion: " + version + "\nRelease: 1\nSummary: a patch of a test\nLicense: none\nBuildArch: noarch\n%description\nA patch.\n%install\nmkdir -p %{buildroot}/usr/share\necho " + version + " > %{buildroot}/usr/share/" + name + "\n%files\n/usr/share/" + name + "\n"
	if err := os.WriteFile(spec, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("rpmbuild", "-bb", "--define", "_topdir "+top, "--define", "_rpmdir "+dir, "--define", "_build_name_fmt %%{NAME}-%%{VERSION}.rpm", spec).CombinedOutput()
	if err != nil {
		t.Fatalf("rpmbuild: %v\n%s", err, out)
	}
	return filepath.Join(dir, name+"-"+version+".rpm")
}

// Every kind of check passes against real servers, and fails when they are
// stopped; packages of dnf are applied, confirmed and backed out.
func TestE2EServices(t *testing.T) {
	w := newWorld(t)
	dir := t.TempDir()
	for name, text := range map[string]string{"lab.hcl": servicesLab, "checks.hcl": servicesChecks, "setup.sh": servicesSetup} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	fresh := rpmOf(t, t.TempDir(), "plab-rpm", "1.0")
	t.Run("rpm", func(t *testing.T) {
		w := w.within(t)
		rec := w.record(0, dir, fresh, "--target", "srv", "--backout")
		if b := rec.Backout; b == nil || b.Result != lab.BackedOutClean || rec.Patch.Kind != lab.PatchRPM {
			t.Errorf("back-out %+v", b)
		}
		for _, c := range rec.Checks {
			if c.Class != lab.ClassOK {
				t.Errorf("%s (%s): %s: %s", c.Name, c.Kind, c.Class, c.Message)
			}
			t.Logf("%s: %s", c.Name, c.Message)
		}
	})
	t.Run("stopped", func(t *testing.T) {
		w := w.within(t)
		stop := script(t, dir, "stop.sh", "systemctl stop 'mariadb*.socket' postfix@- postfix dovecot.socket dovecot slapd smbd mariadb postgresql@15-main echo; chmod 0600 /srv/practice/hours.txt; usermod -s /bin/sh -L anna; sysctl -qw net.ipv4.ip_forward=1; systemctl disable lab.timer; logger -p user.err 'the patch broke it'")
		rec := w.record(1, dir, stop, "--no-control")
		want := []string{"udp from the gateway", "udp from the machine", "tls", "starttls", "mail arrives", "imap over tls", "pop3", "ldap", "smb", "mariadb", "postgresql from the machine", "process", "listens", "file", "user", "sysctl", "log", "ssh", "timer", "any", "all"}
		for _, name := range want {
			if class := classOf(t, rec, name); class != lab.ClassRegression {
				t.Errorf("%s: %s", name, class)
			}
		}
		for _, c := range rec.Checks {
			t.Logf("%s: %s: %s", c.Name, c.Class, c.Message)
			if strings.Contains(c.Message, "tide5and4harbour3") {
				t.Errorf("%s tells the password", c.Name)
			}
		}
	})
}
