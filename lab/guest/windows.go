package guest

import (
	"embed"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/patchlab/patchlab/lab"
)

// windows is the dialect of Windows with PowerShell 5.1, reached through
// OpenSSH for Windows by an administrator. Commands must work whatever the
// SSH server's default shell is: cmd.exe or PowerShell itself.
//
// What only memory may hold lies in a volatile key of the registry: Windows
// never writes those to a hive's file, and they end with the system. (A named
// object would end with its process.) What the disk holds lies in
// C:\ProgramData\patchlab. The scripts are in the folder windows.
type windows struct{}

//go:embed windows/*.ps1
var windowsScripts embed.FS

// script makes a command of one of the scripts, which finds vars, pairs of
// name and PowerShell expression, in its variables.
func (windows) script(name string, vars ...string) string {
	var b strings.Builder
	for pair := range slices.Chunk(vars, 2) {
		fmt.Fprintf(&b, "$%s\n", strings.Join(pair, " = "))
	}
	for _, file := range []string{"common", name} {
		text, err := windowsScripts.ReadFile("windows/" + file + ".ps1")
		if err != nil {
			panic(err) // it is in the program
		}
		b.Write(text)
	}
	return b.String()
}

const (
	// maxWindowsLine stays below the 8191 characters of cmd.exe with room for
	// what the SSH server puts around a command.
	maxWindowsLine = 8000
	// maxWindowsScript is for scripts that go by standard input.
	maxWindowsScript = 1 << 20
	// powershell reads no standard input of its own (-InputFormat None): all
	// of it is the command's.
	powershell = "powershell.exe -NoLogo -NoProfile -NonInteractive -ExecutionPolicy Bypass" +
		" -InputFormat None -OutputFormat Text -EncodedCommand "
)

// wrap has errors end the script with exit code 1, their text on stderr;
// otherwise its exit code is that of "exit", or of the last program it ran.
// The script is parsed within, so that its process is announced and an error
// of its syntax is told like any other. It finds standard input in
// [Console]::In. Output is UTF-8.
func (windows) wrap(c lab.Command, mark string) (line string, stdin io.Reader, err error) {
	var b strings.Builder
	b.WriteString("$ErrorActionPreference = 'Stop'\n$ProgressPreference = 'SilentlyContinue'\n")
	b.WriteString("try { [Console]::OutputEncoding = New-Object Text.UTF8Encoding $false } catch { $Error.Clear() }\n")
	fmt.Fprintf(&b, "[Console]::Error.Write(%s + $PID + [char]10)\n", QuotePS(mark))
	for _, k := range slices.Sorted(maps.Keys(c.Env)) {
		if !envName.MatchString(k) {
			return "", nil, fmt.Errorf("%q is no name for an environment variable", k)
		}
		fmt.Fprintf(&b, "[Environment]::SetEnvironmentVariable(%s, %s)\n", QuotePS(k), QuotePS(c.Env[k]))
	}
	b.WriteString("$global:LASTEXITCODE = 0\n")
	fmt.Fprintf(&b, "try { . ([ScriptBlock]::Create(%s)) } catch { [Console]::Error.Write([string]$_ + [char]10); exit 1 }\n", QuotePS(c.Shell))
	b.WriteString("exit $LASTEXITCODE\n")
	text := b.String()
	switch {
	case strings.ContainsRune(text, 0):
		return "", nil, fmt.Errorf("the command or its environment holds a NUL byte")
	case !utf8.ValidString(c.Shell):
		return "", nil, fmt.Errorf("the command is not valid UTF-8")
	case len(text) > maxWindowsScript:
		return "", nil, fmt.Errorf("the command is %d bytes long, the limit is %d", len(text), maxWindowsScript)
	}
	line, stdin = powershellLine(text, c.Stdin)
	return line, stdin, nil
}

// powershellLine makes a command line that runs text with what stdin holds,
// and its standard input. A text that is too long for cmd.exe is the first of
// that input; exactly its bytes are read, so that all else is left to it.
func powershellLine(text string, stdin io.Reader) (string, io.Reader) {
	if line := powershell + EncodePS(text); len(line) <= maxWindowsLine {
		return line, stdin
	}
	loader := fmt.Sprintf("$n = %d; $b = New-Object byte[] $n; $i = [Console]::OpenStandardInput(); $o = 0\n"+
		"while ($o -lt $n) { $r = $i.Read($b, $o, $n - $o); if ($r -le 0) { exit 254 }; $o += $r }\n"+
		". ([ScriptBlock]::Create([Text.Encoding]::UTF8.GetString($b)))\n", len(text))
	first := io.Reader(strings.NewReader(text))
	if stdin != nil {
		first = io.MultiReader(first, stdin)
	}
	return powershell + EncodePS(loader), first
}

// EncodePS is what powershell.exe takes after -EncodedCommand: base64 of
// UTF-16, little-endian.
func EncodePS(text string) string {
	units := utf16.Encode([]rune(text))
	b := make([]byte, 0, 2*len(units))
	for _, u := range units {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return base64.StdEncoding.EncodeToString(b)
}

// kill works in either shell. Windows has no way of asking a process without
// a window to end.
func (windows) kill(pid int) string { return "taskkill.exe /T /F /PID " + strconv.Itoa(pid) }

// state takes services as starting for 5 min after the system's start: one
// that a patch broke is not waited for later. That the service of the Windows
// Installer runs says nothing, it lingers: its mutex tells.
func (w windows) state(packages bool) string {
	return w.script("state", "packages", "$"+strconv.FormatBool(packages))
}

// bootID is random, made when it is first asked for after a start, and kept
// in memory alone. The time of the last start, which Windows tells, moves
// whenever the clock is set.
func (w windows) bootID() string { return w.script("boot") }

func (w windows) reboot() string { return w.script("reboot") }

func (w windows) sums(paths []string) string { return w.script("sums", "paths", windowsPaths(paths)) }

func (w windows) remove(paths []string) (line string, stdin io.Reader) {
	return powershellLine(w.script("remove", "paths", windowsPaths(paths)), nil)
}

// windowsUpdaters are the services that freeze stops and disables. BITS and
// the servicing stack are left: patches need them. What protects Windows
// Update from being disabled (WaaSMedicSvc) cannot be stopped by anybody, and
// does no more without network than set these back at times.
func windowsUpdaters() []string {
	return []string{"wuauserv", "UsoSvc", "edgeupdate", "edgeupdatem", "gupdate", "gupdatem"}
}

func (w windows) freeze() string {
	return w.script("freeze", "services", quotePSList(windowsUpdaters()))
}

func (w windows) load() string { return w.script("load", "limit", strconv.Itoa(busyPercent)) }

// trim does nothing: Windows fills its free memory with zeros by itself while
// it is idle, and forcing its programs out of memory would only have them
// read from the disk again in every fork.
func (windows) trim() string { return "exit 0" }

// plant proves that its key is in memory by having Windows refuse a lasting
// one below it.
func (w windows) plant(nonce string) string { return w.script("plant", "nonce", QuotePS(nonce)) }

func (w windows) wake(marker string) string {
	return w.script("wake", "marker", QuotePS(marker), "noMark", strconv.Itoa(wakeNoMark), "noClock", strconv.Itoa(wakeNoClock))
}

var windowsPath = regexp.MustCompile(`^[A-Za-z]:[\\/][^:*?"<>|\x00-\x1f]*$`)

// remotePath makes "/C:/x", as the SFTP server takes it, of "C:\x" or "C:/x".
func (windows) remotePath(p string) (string, bool) {
	if !windowsPath.MatchString(p) {
		return "", false
	}
	return path.Clean("/" + strings.ReplaceAll(p, `\`, "/")), true
}

// modes is false: Windows has none, and what inherits from its folder must
// not be made read-only.
func (windows) modes() bool { return false }

// windowsPaths makes a PowerShell list of paths as remotePath gives them.
func windowsPaths(remote []string) string {
	local := make([]string, len(remote))
	for i, p := range remote {
		local[i] = strings.TrimPrefix(p, "/")
	}
	return quotePSList(local)
}
