package state

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/patchlab/patchlab/lab"
)

// TestUnitStates makes units' files of all sorts, and reads what the script
// finds of them.
func TestUnitStates(t *testing.T) {
	const etc, run, usr, gen = "etc/systemd/system/", "run/systemd/system/", "usr/lib/systemd/system/", "run/systemd/generator/"
	const wanted, install = "multi-user.target.wants/", "[Unit]\n[Install]\nWantedBy=multi-user.target\n"
	m, root := linuxMachine(t, lab.Watch{})
	must(t, os.RemoveAll(filepath.Join(root, "etc/systemd")))
	must(t, os.RemoveAll(filepath.Join(root, "usr/lib/systemd")))
	write(t, root, map[string]string{
		usr + "plain.service": "[Service]\n# WantedBy=x\n", usr + "off.service": install, usr + "on.service": install, usr + "tonight.service": install,
		usr + "gone.service": install, usr + "dark.service": install, usr + "sleeping.service": install, usr + "twice.service": "[Install]\nAlias=two.service\n",
		usr + "other.service": "[Install]\nAlias=two.service\n", usr + "also.service": "[Install]\nAlso=on.service\n", usr + "none.service": install,
		usr + "none.service.d/a.conf": "[Install]\nWantedBy=\n", usr + "more.service": "[Unit]\n", etc + "more.service.d/b.conf": install,
		usr + "many@.service": install, usr + "tty@.service": install + "DefaultInstance=1\n", usr + "hidden@.service": install,
		usr + "mine.service": "[Unit]\n", etc + "mine.service": install, usr + "empty.service": "", run + "before.service": install,
		"opt/linked.service": install, gen + "made.service": install, "run/systemd/generator.late/late.service": "[Unit]\n", "run/systemd/transient/now.service": "[Unit]\n",
		usr + "always.service": "[Unit]\n", "usr/local/lib/systemd/system/local.path": install, "lib/systemd/system/old.socket": install, usr + "x.mount": install,
		usr + "late.service": "[Unit]\n", usr + "boot.service": "[Unit]\n", "etc/plain.service": "[Unit]\n",
	})
	null, here := os.DevNull, "../../../"
	for name, target := range map[string]string{
		etc + wanted + "on.service": "/usr/lib/systemd/system/on.service", run + wanted + "tonight.service": here + "../usr/lib/systemd/system/tonight.service",
		etc + "dark.service": null, run + "sleeping.service": null, etc + "hidden@.service": null, etc + wanted + "hidden@1.service": "x",
		etc + "two.service": here + usr + "twice.service", etc + "three.service": here + usr + "other.service", usr + "four.service": "other.service", etc + "five.service": here + usr + "many@z.service",
		etc + "lost.service": here + usr + "nowhere.service", etc + wanted + "nowhere.service": "x",
		etc + wanted + "many@a.service": here + "../" + usr + "many@.service", gen + wanted + "many@b.service": "/usr/lib/systemd/system/many@.service", usr + wanted + "many@c.service": "../many@.service",
		etc + wanted + "tty@1.service": "/usr/lib/systemd/system/tty@.service", etc + "linked.service": here + "opt/linked.service",
		usr + wanted + "always.service": "../always.service", gen + "a.target.requires/boot.service": "/usr/lib/systemd/system/boot.service",
	} {
		link(t, root, name, target)
	}
	m.script(t, "systemctl", "echo a.service loaded active running A")
	frames, _ := parseFrames([]byte(output(t, m, linux{root: root}.script(nil))), "MARK")
	if f := frames["units"]; f.fault() != "" || f.said != "" {
		t.Errorf("%s %s", f.fault(), f.said)
	}
	_, files, _ := strings.Cut(string(frames["units"].data), "\x00")
	same(t, "states", map[string]string{
		"plain.service": "static", "off.service": "disabled", "on.service": "enabled", "tonight.service": "enabled-runtime", "gone.service": "disabled",
		"dark.service": "masked", "sleeping.service": "masked-runtime", "empty.service": "masked", "hidden@.service": "masked",
		"twice.service": "enabled", "two.service": "alias", "other.service": "indirect", "three.service": "alias", "four.service": "alias", "lost.service": "bad", "five.service": "bad",
		"also.service": "indirect", "none.service": "static", "more.service": "disabled", "mine.service": "disabled", "before.service": "disabled",
		"many@.service": "indirect", "many@a.service": "enabled", "many@b.service": "enabled-runtime", "many@c.service": "static", "tty@.service": "enabled", "tty@1.service": "enabled",
		"linked.service": "linked", "made.service": "generated", "late.service": "static", "now.service": "transient", "always.service": "static",
		"local.path": "disabled", "old.socket": "disabled", "boot.service": "enabled-runtime",
	}, parseUnitFiles(files).states())
}

// TestUnitsWithoutFiles is a machine whose manager has no files where they are
// looked for.
func TestUnitsWithoutFiles(t *testing.T) {
	m, root := linuxMachine(t, lab.Watch{})
	must(t, os.RemoveAll(filepath.Join(root, "etc/systemd")))
	must(t, os.RemoveAll(filepath.Join(root, "usr/lib/systemd")))
	st := survey(t, m, root)
	same(t, "gaps", []string(nil), st.Gaps)
	same(t, "apache2", "active", st.Items[lab.StateService]["apache2.service"])
}

// output is what a script prints on m, with the mark MARK.
func output(t *testing.T, m *machine, script string) string {
	t.Helper()
	var out strings.Builder
	_, err := m.Run(t.Context(), lab.Command{Shell: script, Stdin: strings.NewReader("MARK\n"), Stdout: &out})
	must(t, err)
	return out.String()
}
