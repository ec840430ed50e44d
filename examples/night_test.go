package examples_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// flagsOf are the flags of the commands that the files of examples/night use.
// The end-to-end test compares them with what the commands' help says.
var flagsOf = map[string][]string{
	"night": {
		"drop", "patch", "finish-by", "if-changed", "jobs", "wait", "notify", "metrics",
		"no-control", "no-verify-reboot", "backout", "format", "var", "var-file",
	},
	"ledger merge": {"format"},
	"image build":  {"var", "var-file"},
	"gc":           {"dry-run", "keep", "format"},
	"notify":       {"file"},
	"history":      {},
	"doctor":       {},
}

func nightFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("night", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// nightFiles are the files by their names.
func nightFiles(t *testing.T) map[string]string {
	t.Helper()
	entries, err := os.ReadDir("night")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, e := range entries {
		files[e.Name()] = nightFile(t, e.Name())
	}
	return files
}

var (
	aCommand = regexp.MustCompile(`\bpatchlab ([a-z]+(?: (?:merge|build)\b)?)([^\n;|&` + "`" + `)]*)`)
	aFlag    = regexp.MustCompile(`--([a-z][a-z-]*)`)
	listArgs = regexp.MustCompile(`args += \[(.*)\]`)
	options  = regexp.MustCompile(`PATCHLAB_NIGHT_OPTIONS=(.*)`)
)

// Every patchlab command in the files exists, and so do its flags.
func TestNightCommandsHaveTheFlags(t *testing.T) {
	nights := 0
	for name, text := range nightFiles(t) {
		text = listArgs.ReplaceAllStringFunc(text, func(s string) string {
			return "exec patchlab " + strings.NewReplacer(`"`, "", ",", "").Replace(listArgs.FindStringSubmatch(s)[1])
		})
		text = options.ReplaceAllString(text, "exec patchlab night $1")
		for _, m := range aCommand.FindAllStringSubmatch(text, -1) {
			known, ok := flagsOf[m[1]]
			if !ok {
				continue // prose, and a package's or user's name
			}
			if m[1] == "night" && strings.Contains(m[2], "--") {
				nights++
			}
			for _, flag := range aFlag.FindAllStringSubmatch(m[2], -1) {
				if !slices.Contains(known, flag[1]) {
					t.Errorf("%s: patchlab %s has no --%s", name, m[1], flag[1])
				}
			}
		}
	}
	if nights < 8 {
		t.Errorf("only %d nights were looked at", nights)
	}
}

var anyHost = regexp.MustCompile(`(?i)[a-z+]+://(?:[^\s/@]*@)?([a-z0-9.-]+)`)

// Names in the files are reserved ones, or the project's; images have none.
func TestNightFilesNameNoOtherHosts(t *testing.T) {
	allowed := regexp.MustCompile(`^(.*\.)?example\.(com|org)$|^github\.com$|^json-schema\.org$|^webhook$`)
	for name, text := range nightFiles(t) {
		for _, m := range anyHost.FindAllStringSubmatch(text, -1) {
			if !allowed.MatchString(m[1]) {
				t.Errorf("%s names %s", name, m[1])
			}
		}
		for _, m := range regexp.MustCompile(`(?m)(?:^FROM|image:) (\S+)`).FindAllStringSubmatch(text, -1) {
			if strings.Contains(m[1], "/") {
				t.Errorf("%s names a registry: %s", name, m[1])
			}
		}
	}
}

// mergeOf runs merge.sh with an rsync that fails for the host "down", and
// returns what was called, in order.
func mergeOf(t *testing.T, args ...string) (called string, code int) {
	t.Helper()
	log := filepath.Join(t.TempDir(), "log")
	dir := fakes(t, map[string]string{
		"rsync":    `echo "rsync $*" >>"$LOG"; case "$*" in *down:*) exit 12 ;; esac`,
		"patchlab": `echo "patchlab $*" >>"$LOG"`,
	})
	cmd := exec.Command("bash", append([]string{"night/merge.sh"}, args...)...)
	cmd.Env = []string{"PATH=" + dir + ":/usr/bin:/bin", "LOG=" + log}
	_ = cmd.Run()
	text, _ := os.ReadFile(log)
	return string(text), cmd.ProcessState.ExitCode()
}

func TestMerge(t *testing.T) {
	dir := t.TempDir()
	called, code := mergeOf(t, dir, "down", "host2")
	lines := strings.Split(strings.TrimSpace(called), "\n")
	if code != 3 || len(lines) != 5 {
		t.Fatalf("exit code %d, called\n%s", code, called)
	}
	if !strings.Contains(lines[1], "host2:/var/lib/patchlab/ledger/head.json") || lines[4] != "patchlab ledger merge "+dir+"/host2" {
		t.Error(called)
	}
	for _, evil := range []string{"-e sh", "--rsh=sh", "a:b", "a/../../b", "$(id)", "a b", "..", ""} {
		if called, code := mergeOf(t, dir, evil); called != "" || code != 2 {
			t.Errorf("%q: exit code %d, called %s", evil, code, called)
		}
	}
	if _, code := mergeOf(t, dir); code != 2 {
		t.Error("without hosts:", code)
	}
}

// The commands in the README are at least shell, and its files are there.
func TestNightREADME(t *testing.T) {
	text := nightFile(t, "README.md")
	for _, m := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(text, -1) {
		shellAccepts(t, m[1])
	}
	for name := range nightFiles(t) {
		if name != "README.md" && !strings.Contains(text, strings.TrimPrefix(name, "patchlab-night")) {
			t.Errorf("no word of %s", name)
		}
	}
}
