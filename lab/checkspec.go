package lab

import "time"

// CheckSpec is what a check asserts: one of the pointer types below. Each
// asserts at least one thing.
type CheckSpec interface {
	// Kind is the name of the check's block in the language.
	Kind() string
}

// CommandCheck runs a command on Check.From by "sh -c", as root.
type CommandCheck struct {
	Run      string
	ExitCode int   // 0 by default
	Stdout   Match // of everything it printed there
	Stderr   Match
}

// TCPCheck opens a connection.
type TCPCheck struct {
	Host   string // a name or address, as Check.From sees it
	Port   int
	Send   string // written once connected, when not empty
	Expect Match  // of the first 64 KiB that come back; waits until it matches or the check times out
}

// HTTPCheck asks for a URL with GET, or Method.
type HTTPCheck struct {
	URL       string
	Method    string            // "GET" by default
	Headers   map[string]string // sent
	Send      string            // request body
	Status    int               // 0: not asserted
	Body      Match             // of the first 1 MiB
	Header    map[string]Match  // of the answer, by canonical name
	Redirects int               // how many are followed; 0: the redirect itself is the answer
	Insecure  bool              // do not verify the server's certificate
}

// ServiceCheck asks the service manager of Check.From.
type ServiceCheck struct {
	Unit    string
	Active  *bool // nil: not asserted
	Enabled *bool // nil: not asserted
}

// DNSCheck asks a name server over TCP.
type DNSCheck struct {
	Name    string
	Type    string   // "A" by default; also AAAA, CNAME, MX, NS, PTR, SRV, TXT
	Server  string   // address or name, with an optional port; empty: the gateway of the first network of Check.From
	Answers []string // these records, in any order, and no others; nil: not asserted
	Rcode   string   // "NOERROR" by default
}

// Kind implements CheckSpec.
func (*CommandCheck) Kind() string { return "command" }

// Kind implements CheckSpec.
func (*TCPCheck) Kind() string { return "tcp" }

// Kind implements CheckSpec.
func (*HTTPCheck) Kind() string { return "http" }

// Kind implements CheckSpec.
func (*ServiceCheck) Kind() string { return "service" }

// Kind implements CheckSpec.
func (*DNSCheck) Kind() string { return "dns" }

// Match is an assertion about text. The zero Match asserts nothing. Every
// field that is set must hold.
type Match struct {
	Contains    string
	NotContains string
	Equals      string // compared without leading and trailing white space
	Regexp      string // RE2, anywhere in the text; valid
}

// IsZero reports whether m asserts nothing.
func (m Match) IsZero() bool { return m == Match{} }

// Range is an assertion about a number. The zero Range asserts nothing.
type Range struct {
	Min, Max *float64 // inclusive; nil: no limit
}

// IsZero reports whether r asserts nothing.
func (r Range) IsZero() bool { return r == Range{} }

// Security is how a connection is protected.
type Security string

// Securities.
const (
	Plain    Security = "none" // the default
	StartTLS Security = "starttls"
	TLS      Security = "tls"
)

// Server is where a network check connects to, and as whom.
type Server struct {
	Host     string // a name or address, as Check.From sees it
	Port     int    // 0: the protocol's own
	Security Security
	Insecure bool   // do not verify the server's certificate
	User     string // empty: without a login
	Password string
}

// PingCheck sends ICMP echo requests: from a machine by its own ping, from a
// gateway by the gateway.
type PingCheck struct {
	Host  string
	Count int   // 3 by default
	Loss  Range // of the answers, in percent; {Max: 0} by default
}

// UDPCheck sends one datagram and waits for an answer that matches.
type UDPCheck struct {
	Host   string
	Port   int
	Send   string
	Expect Match // zero: any answer
}

// TLSCheck makes a TLS handshake and looks at the certificate.
type TLSCheck struct {
	Server                   // Security TLS or StartTLS; User is empty
	StartTLS        string   // protocol to ask for TLS in: "smtp", "imap", "pop3", "ldap", "postgres"; empty: TLS at once
	Name            string   // server name that is asked for and verified; Host by default
	Names           []string // further names that the certificate must be good for
	DaysLeft        Range    // until the certificate expires
	MinVersion      string   // "1.0" to "1.3": the version agreed on must be at least this
	Subject, Issuer Match    // as RFC 4514 strings
}

// SMTPCheck has a message accepted and, with Deliver, waits for it in a
// mailbox.
type SMTPCheck struct {
	Server          // port 25; 465 with TLS
	From, To string // addresses; To empty: only the greeting, EHLO and login
	Deliver  *Delivery
}

// Delivery is where a message has to arrive. It is removed there.
type Delivery struct {
	Server         // IMAP: port 143; 993 with TLS
	Mailbox string // "INBOX" by default
}

// IMAPCheck logs in and opens a mailbox.
type IMAPCheck struct {
	Server
	Mailbox  string // "INBOX" by default
	Messages Range
}

// POP3Check logs in and asks how many messages there are.
type POP3Check struct {
	Server
	Messages Range
}

// LDAPCheck binds (User is the DN; empty: anonymously) and searches.
type LDAPCheck struct {
	Server
	Base       string           // empty: bind only
	Filter     string           // "(objectClass=*)" by default
	Scope      string           // "base", "one" or "sub", the default
	Entries    Range            // {Min: 1} by default when Base is set
	Attributes map[string]Match // one value of one entry must match each
}

// SMBCheck opens a share.
type SMBCheck struct {
	Server
	Domain  string
	Share   string
	File    string // path on the share that must be there, with slashes; empty: the share alone
	Content Match  // of the first 1 MiB of File
}

// SQLCheck makes a query.
type SQLCheck struct {
	Server
	Driver   string // "postgres", "mysql" (MariaDB too) or "sqlserver"
	Database string
	Query    string
	Rows     [][]string // these rows, in this order, and no others, as text ("NULL" for null); nil: not asserted
	Count    Range      // how many rows
	Value    Match      // of the first column of the first row
}

// SSHCheck logs in and, with Run, runs a command.
type SSHCheck struct {
	Server          // Insecure: any host key; otherwise HostKey must be set, or Host a machine of the lab, whose key is known
	Key      string // private key, PEM; instead of Password
	HostKey  string // "ssh-ed25519 AAAA…"; empty: not asserted
	Run      string
	ExitCode int
	Stdout   Match
}

// PackageCheck asks the package manager of Check.From (on Windows: the
// installed programs).
type PackageCheck struct {
	Name      string
	Installed bool // true by default
	Version   Match
	AtLeast   string // version, compared as the package manager does
}

// ProcessCheck counts processes on Check.From.
type ProcessCheck struct {
	Name  string // of the executable, as ps -o comm shows it; on Windows without .exe
	User  string // empty: anybody's
	Count Range  // {Min: 1} by default
}

// ListenCheck looks whether Check.From listens on a port.
type ListenCheck struct {
	Port      int
	Protocol  string // "tcp", the default, or "udp"
	Address   string // local address; empty: any
	Process   string // name; empty: any
	Listening bool   // true by default
}

// FileCheck looks at a file or folder of Check.From.
type FileCheck struct {
	Path    string
	Exists  bool   // true by default
	Type    string // "file", "directory" or "link"; empty: any
	SHA256  string // lower-case hex
	Content Match  // of the first 1 MiB
	Owner   string
	Group   string
	Mode    string // four octal digits
	Size    Range  // bytes
}

// MountCheck looks whether something is mounted.
type MountCheck struct {
	Path    string
	Source  string   // device; empty: any
	Type    string   // of the file system; empty: any
	Options []string // that must be among its options
}

// DiskCheck looks at the room of the file system that holds Path.
type DiskCheck struct {
	Path              string
	FreeMiB           Range
	FreePercent       Range
	FreeInodesPercent Range // Linux only
}

// UserCheck looks at an account of Check.From.
type UserCheck struct {
	Name   string
	Exists bool // true by default
	UID    *int
	Groups []string // that it must be in
	Shell  string
	Home   string
}

// GroupCheck looks at a group of Check.From.
type GroupCheck struct {
	Name    string
	Exists  bool // true by default
	GID     *int
	Members []string // that must be in it
}

// KernelParameterCheck looks at a sysctl of Check.From.
type KernelParameterCheck struct {
	Name  string // "net.ipv4.ip_forward"
	Value Match
}

// LogCheck looks for errors in the journal (on Windows: in the event logs) of
// Check.From. In the baseline it remembers what there is; later it fails for
// messages that were not there. Numbers, addresses and times in messages do
// not make them new.
type LogCheck struct {
	Unit     string   // systemd unit, or provider of an event log; empty: any
	Priority string   // "emerg" to "warning"; "err" by default; on Windows "critical", "error" or "warning"
	Ignore   []string // RE2: messages that don't count
}

// RebootCheck looks whether the system asks for a reboot.
type RebootCheck struct {
	Pending bool // false by default
}

// PerformanceCheck measures how long a command or a page takes. In the
// baseline it remembers the median of the samples; later it fails when the
// median is more than Factor times that, and more than Slack longer.
type PerformanceCheck struct {
	Run      string // command; or
	URL      string // page, which must answer with a status below 400
	Insecure bool
	Samples  int           // 5 by default
	Factor   float64       // 2 by default
	Slack    time.Duration // 200 ms by default: differences below it are noise
	Max      time.Duration // of the median, in every arm; 0: not asserted
}

// RegistryCheck looks at a value of the registry of Check.From (Windows).
type RegistryCheck struct {
	Key    string // `HKLM:\SOFTWARE\…`
	Name   string // value's name; empty: the key alone
	Exists bool   // true by default
	Value  Match
}

// HotfixCheck looks for an update of Check.From (Windows).
type HotfixCheck struct {
	ID        string // "KB5041160"
	Installed bool   // true by default
}

// IISSiteCheck looks at a web site of IIS on Check.From (Windows).
type IISSiteCheck struct {
	Name  string
	State string // "Started", the default, or "Stopped"
}

// TaskCheck looks at a scheduled task (Windows) or a systemd timer (Linux) of
// Check.From.
type TaskCheck struct {
	Name       string // `\Folder\Task`, or "apt-daily.timer"
	Enabled    bool   // true by default
	LastResult *int   // exit code of its last run; nil: not asserted
}

// FeatureCheck looks at a Windows feature of Check.From.
type FeatureCheck struct {
	Name      string
	Installed bool // true by default
}

// CombinedCheck holds when one of its members does, or all of them, each made
// from the same place in the order written.
type CombinedCheck struct {
	All     bool        // otherwise any
	Members []CheckSpec // at least one; not combined themselves
}

// Kind implements CheckSpec.
func (c *CombinedCheck) Kind() string {
	if c.All {
		return "all"
	}
	return "any"
}

// Kind implements CheckSpec.
func (*PingCheck) Kind() string { return "ping" }

// Kind implements CheckSpec.
func (*UDPCheck) Kind() string { return "udp" }

// Kind implements CheckSpec.
func (*TLSCheck) Kind() string { return "tls" }

// Kind implements CheckSpec.
func (*SMTPCheck) Kind() string { return "smtp" }

// Kind implements CheckSpec.
func (*IMAPCheck) Kind() string { return "imap" }

// Kind implements CheckSpec.
func (*POP3Check) Kind() string { return "pop3" }

// Kind implements CheckSpec.
func (*LDAPCheck) Kind() string { return "ldap" }

// Kind implements CheckSpec.
func (*SMBCheck) Kind() string { return "smb" }

// Kind implements CheckSpec.
func (*SQLCheck) Kind() string { return "sql" }

// Kind implements CheckSpec.
func (*SSHCheck) Kind() string { return "ssh" }

// Kind implements CheckSpec.
func (*PackageCheck) Kind() string { return "package" }

// Kind implements CheckSpec.
func (*ProcessCheck) Kind() string { return "process" }

// Kind implements CheckSpec.
func (*ListenCheck) Kind() string { return "listen" }

// Kind implements CheckSpec.
func (*FileCheck) Kind() string { return "file" }

// Kind implements CheckSpec.
func (*MountCheck) Kind() string { return "mount" }

// Kind implements CheckSpec.
func (*DiskCheck) Kind() string { return "disk" }

// Kind implements CheckSpec.
func (*UserCheck) Kind() string { return "user" }

// Kind implements CheckSpec.
func (*GroupCheck) Kind() string { return "group" }

// Kind implements CheckSpec.
func (*KernelParameterCheck) Kind() string { return "sysctl" }

// Kind implements CheckSpec.
func (*LogCheck) Kind() string { return "log" }

// Kind implements CheckSpec.
func (*RebootCheck) Kind() string { return "reboot" }

// Kind implements CheckSpec.
func (*PerformanceCheck) Kind() string { return "performance" }

// Kind implements CheckSpec.
func (*RegistryCheck) Kind() string { return "registry" }

// Kind implements CheckSpec.
func (*HotfixCheck) Kind() string { return "hotfix" }

// Kind implements CheckSpec.
func (*IISSiteCheck) Kind() string { return "iis_site" }

// Kind implements CheckSpec.
func (*TaskCheck) Kind() string { return "task" }

// Kind implements CheckSpec.
func (*FeatureCheck) Kind() string { return "feature" }
