package guest

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"github.com/patchlab/patchlab/lab"
)

// TestWindowsWrap shows both ways that a command goes.
func TestWindowsWrap(t *testing.T) {
	c := lab.Command{Shell: "Write-Output 'it''s'; cmd /c exit 7", Env: map[string]string{"LANG": "it's", "A": "1"}, Stdin: strings.NewReader("input")}
	line, stdin, err := windows{}.wrap(c, "patchlab-MARK ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "wrap", decodePS(t, line))
	if rest, _ := io.ReadAll(stdin); string(rest) != "input" {
		t.Errorf("stdin %q", rest)
	}
	c = lab.Command{Shell: strings.Repeat("ä'", 4000), Stdin: strings.NewReader("input")}
	line, stdin, err = windows{}.wrap(c, "patchlab-MARK ")
	if err != nil {
		t.Fatal(err)
	}
	text := decodePS(t, line)
	golden(t, "loader", text)
	if mark, script := heard(t, line, stdin); mark != "patchlab-MARK " || script != c.Shell {
		t.Errorf("mark %q, script %.40q", mark, script)
	}
	if rest, _ := io.ReadAll(stdin); string(rest) != "input" {
		t.Errorf("stdin %q", rest)
	}
}

func TestWindowsWrapRefuses(t *testing.T) {
	for want, c := range map[string]lab.Command{
		"NUL byte":             {Shell: "a\x00b"},
		"not valid UTF-8":      {Shell: "a\xff"},
		"no name":              {Shell: "x", Env: map[string]string{"A B": "1"}},
		"the limit is 1048576": {Shell: strings.Repeat("x", 1<<20)},
	} {
		if _, _, err := (windows{}).wrap(c, "m"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

// TestWindowsScripts has what no other test here reaches.
func TestWindowsScripts(t *testing.T) {
	w := windows{}
	golden(t, "load", w.load())
	golden(t, "trim", w.trim())
	if got := w.kill(12); got != "taskkill.exe /T /F /PID 12" {
		t.Error(got)
	}
	line, stdin := w.remove([]string{"/C:/a/.patchlab-x", "/D:/it's"})
	golden(t, "remove", received(t, line, stdin))
	// What PowerShell 5.1 does not know, and what it would take for an escape.
	foreign := []string{"&&", "||", "??", "?.", "::new(", "`"}
	files, err := filepath.Glob("windows/*.ps1")
	if err != nil || len(files) < 9 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range foreign {
			if strings.Contains(string(b), word) {
				t.Errorf("%s holds %q", file, word)
			}
		}
		for _, pair := range []string{"()", "{}", "[]"} {
			if strings.Count(string(b), pair[:1]) != strings.Count(string(b), pair[1:]) {
				t.Errorf("%s: %s do not match", file, pair)
			}
		}
	}
}

func TestWindowsRun(t *testing.T) {
	g := windowsGuest(t, exchange{script: "run", stdout: "out\r\n", stderr: "err\n", code: 3010})
	out, err := g.Run(t.Context(), lab.Command{Shell: "cmd /c exit 3010"})
	if err != nil || out.ExitCode != 3010 || string(out.Stdout) != "out\r\n" || string(out.Stderr) != "Welcome!\r\nerr\n" {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestWindowsRunKills(t *testing.T) {
	s := newServer(t)
	killed := make(chan string, 1)
	s.answer = func(_ *serverConn, line string, ch ssh.Channel) bool {
		if !strings.HasPrefix(line, powershell) {
			killed <- line
			return say(ch, "SUCCESS")
		}
		mark, _ := heard(t, line, ch)
		_, _ = io.WriteString(ch.Stderr(), mark+"4242\n")
		_, _ = io.Copy(io.Discard, ch)
		<-t.Context().Done()
		return true
	}
	g := s.guest(func(c *Config) { c.Machine.Image.OS = lab.Windows })
	_, err := g.Run(t.Context(), lab.Command{Shell: "Start-Sleep 100", Timeout: 200 * time.Millisecond})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	if got := <-killed; got != "taskkill.exe /T /F /PID 4242" {
		t.Errorf("killed by %s", got)
	}
}

func TestWindowsReadyAndSettle(t *testing.T) {
	g := windowsGuest(t,
		exchange{script: "state-boot", stdout: "wait service LanmanServer is starting\n"},
		exchange{script: "state-boot", stdout: "ready\n"},
		exchange{script: "state-rest", stdout: "wait Windows is being serviced (TiWorker, process 7)\n"},
		exchange{script: "state-rest", stdout: "ready\n"},
		exchange{script: "state-rest", stdout: "fail the system is in safe mode\n"},
	)
	if err := g.WaitReady(t.Context(), time.Minute, nil); err != nil {
		t.Error(err)
	}
	if err := g.Settle(t.Context(), nil); err != nil {
		t.Error(err)
	}
	wantFault(t, g.Settle(t.Context(), nil), `cannot settle machine "web": the system is in safe mode`)
}

func TestWindowsReboot(t *testing.T) {
	g := windowsGuest(t,
		exchange{script: "boot", stdout: "0b1a\n"},
		exchange{script: "reboot"},
		exchange{script: "boot", stdout: "0b1a\n"},
		exchange{script: "boot", stdout: "77c2\n"},
		exchange{script: "state-rest", stdout: "ready\n"},
	)
	if err := g.Reboot(t.Context(), nil); err != nil {
		t.Error(err)
	}
}

func TestWindowsRebootRefused(t *testing.T) {
	g := windowsGuest(t, exchange{script: "boot", stdout: "1\n"}, exchange{script: "reboot", stderr: "Access is denied.(5)\n", code: 5})
	wantFault(t, g.Reboot(t.Context(), nil), `cannot reboot machine "web": exit code 5: Welcome!\r\nAccess is denied.(5)`)
}

func TestWindowsFreeze(t *testing.T) {
	g := windowsGuest(t, exchange{script: "freeze"}, exchange{script: "freeze", stderr: "still there: UsoSvc (Access is denied)\n", code: 1})
	if err := g.FreezeUpdaters(t.Context()); err != nil {
		t.Error(err)
	}
	err := g.FreezeUpdaters(t.Context())
	if err == nil || !strings.HasSuffix(err.Error(), "still there: UsoSvc (Access is denied)") {
		t.Errorf("error %v", err)
	}
}

func TestWindowsPlantAndWake(t *testing.T) {
	const marker = "0123456789abcdef"
	g := windowsGuest(t, exchange{script: "plant"}, exchange{script: "wake", talk: func(ch ssh.Channel) {
		_, _ = io.WriteString(ch, "patchlab: nonce "+testNonce+"\npatchlab: marker marker-1\npatchlab: ready\n")
		in := bufio.NewScanner(ch)
		for in.Scan() {
			_, _ = io.WriteString(ch, "patchlab: exact "+in.Text()+"\n")
		}
	}})
	if err := g.Plant(t.Context(), testNonce); err != nil {
		t.Fatal(err)
	}
	w, err := g.Wake(t.Context(), Waking{Nonce: testNonce, Marker: marker})
	if err != nil || !w.NonceEqual || !slices.Equal(w.Markers, []string{"marker-1"}) || w.Offset.Abs() > clockGood {
		t.Errorf("%+v, %v", w, err)
	}
}

func TestWindowsRest(t *testing.T) {
	ready := exchange{script: "state-rest", stdout: "ready\n"}
	g := windowsGuest(t, ready, exchange{script: "load", stdout: "97 MsMpEng\n"}, ready,
		exchange{script: "load", stdout: "3\n"}, ready, exchange{script: "load", stdout: "0\n"})
	if why, err := g.Rest(t.Context(), time.Minute, nil); why != "" || err != nil {
		t.Error(why, err)
	}
}

// TestWindowsUpload has the machine's files in memory, as its SFTP server
// names them. The temporary name is random: the script is not compared whole.
func TestWindowsUpload(t *testing.T) {
	s := newServer(t)
	files := sftp.InMemHandler()
	s.files = &files
	src := filepath.Join(t.TempDir(), "x.msu")
	if err := os.WriteFile(src, []byte("update"), 0o600); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte("update"))
	s.answer = func(_ *serverConn, line string, ch ssh.Channel) bool {
		mark, script := heard(t, line, ch)
		if !strings.HasPrefix(script, "$paths = @('C:/stage/it''s/.patchlab-") {
			t.Errorf("script %s", script)
		}
		_, _ = io.WriteString(ch.Stderr(), mark+"1\n")
		return say(ch, hex.EncodeToString(sum[:]))
	}
	g := s.guest(func(c *Config) { c.Machine.Image.OS = lab.Windows })
	if err := g.Upload(t.Context(), src, `C:\stage\it's\x.msu`, 0o644, nil); err != nil {
		t.Fatal(err)
	}
	list, err := files.FileList.Filelist(sftp.NewRequest("List", "/C:/stage/it's"))
	if err != nil {
		t.Fatal(err)
	}
	infos := make([]os.FileInfo, 3)
	if n, _ := list.ListAt(infos, 0); n != 1 || infos[0].Name() != "x.msu" || infos[0].Size() != 6 {
		t.Errorf("%d files: %v", n, infos)
	}
}

func TestWindowsPaths(t *testing.T) {
	for in, want := range map[string]string{
		`C:\x\y.msu`: "/C:/x/y.msu", "d:/x//../y": "/d:/y", `C:\`: "/C:",
		"/etc/x": "", `x\y`: "", `C:x`: "", `\\host\share`: "", `C:\x:stream`: "", `C:\a*`: "", "C:\\a\x00": "", "": "",
	} {
		got, ok := windows{}.remotePath(in)
		if got != want || ok != (want != "") {
			t.Errorf("%q gives %q, %t", in, got, ok)
		}
	}
	err := newServer(t).guest(func(c *Config) { c.Machine.Image.OS = lab.Windows }).Upload(t.Context(), "x", "/tmp/x", 0o644, nil)
	if want := fmt.Sprintf("cannot upload x: %q is no absolute path on machine %q", "/tmp/x", "web"); err == nil || err.Error() != want {
		t.Errorf("error %v", err)
	}
}
