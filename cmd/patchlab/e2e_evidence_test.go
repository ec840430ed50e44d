//go:build e2e

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/site/browsertest"
)

// evidence looks at all that is made of a passed and a failed run of the
// dental lab: reports, ledger, decisions, gate, site.
func evidence(t *testing.T, w *world, good, broken lab.Record) {
	out := t.TempDir()
	t.Run("reports", func(t *testing.T) { reports(t, w.within(t), out, good, broken) })
	t.Run("seals", func(t *testing.T) { sealed(t, w.within(t), out) })
	t.Run("gate", func(t *testing.T) { gates(t, w.within(t), out) })
	t.Run("tampering", func(t *testing.T) { tampering(t, w.within(t), good) })
	t.Run("site", func(t *testing.T) {
		w := w.within(t)
		w.want(0, "site", filepath.Join(out, "site"))
		looksRight(t, browsertest.Open(t), filepath.Join(out, "site", "index.html"), "site")
	})
}

func reports(t *testing.T, w *world, out string, good, broken lab.Record) {
	schema := filepath.Join(out, "schema.json")
	stdout, _ := w.want(0, "report", good.Run, "--format", "schema")
	if err := os.WriteFile(schema, []byte(stdout), 0o600); err != nil {
		t.Fatal(err)
	}
	valid, err := jsonschema.NewCompiler().Compile(schema)
	if err != nil {
		t.Fatal(err)
	}
	b := browsertest.Open(t)
	for _, rec := range []lab.Record{good, broken} {
		stdout, _ := w.want(0, "report", rec.Run, "--format", "json")
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(stdout))
		if err == nil {
			err = valid.Validate(doc)
		}
		if err != nil {
			t.Errorf("the JSON of run %s does not follow its schema: %v", rec.Run, err)
		}
		junit := filepath.Join(out, rec.Run+".xml")
		w.want(0, "report", rec.Run, "--format", "junit", "-o", junit)
		if out, err := exec.Command("xmllint", "--noout", "--nonet", "--schema", "../../lab/report/testdata/junit.xsd", junit).CombinedOutput(); err != nil {
			t.Errorf("JUnit of run %s: %v\n%s", rec.Run, err, out)
		}
		for _, format := range []string{"text", "markdown"} {
			if stdout, _ := w.want(0, "report", rec.Run, "--format", format); !strings.Contains(stdout, string(rec.Verdict)) || !strings.Contains(stdout, rec.Patch.Name) {
				t.Errorf("%s of run %s:\n%s", format, rec.Run, stdout)
			}
		}
		html := filepath.Join(out, rec.Run+".html")
		w.want(0, "report", rec.Run, "--format", "html", "-o", html)
		looksRight(t, b, html, string(rec.Verdict))
	}
	if stdout, _ := w.want(0, "compare", good.Run, broken.Run); !strings.Contains(stdout, "harbour-booking_1.2") {
		t.Errorf("compare:\n%s", stdout)
	}
}

// looksRight opens a page in light and dark, on a desk and on a phone: it asks
// for nothing beside itself, complains of nothing, and does not scroll
// sideways. PATCHLAB_SCREENSHOTS keeps the pictures.
func looksRight(t *testing.T, b *browsertest.Browser, path, name string) {
	t.Helper()
	for _, width := range []int{1100, 390} {
		for _, dark := range []bool{false, true} {
			p := b.Visit("file://"+path, width, dark)
			if len(p.Errors) > 0 {
				t.Errorf("%s complains: %q", path, p.Errors)
			}
			for _, url := range p.Requests {
				if !strings.HasPrefix(url, "file://") && !strings.HasPrefix(url, "data:") {
					t.Errorf("%s asks for %s", path, url)
				}
			}
			if p.ScrollWidth > p.InnerWidth {
				t.Errorf("%s is %d pixels wide in a window of %d", path, p.ScrollWidth, p.InnerWidth)
			}
			if dir := os.Getenv("PATCHLAB_SCREENSHOTS"); dir != "" {
				p.Screenshot(filepath.Join(dir, fmt.Sprintf("%s-%d-%v.png", name, width, dark)))
			}
		}
	}
}

// withoutPast removes ledger and records: other tests, and these the last time,
// have sealed with keys of theirs, which verify does not take for an operator's.
func (w *world) withoutPast() {
	w.t.Helper()
	for _, name := range []string{"ledger", "runs"} {
		if err := os.RemoveAll(filepath.Join(w.home, name)); err != nil {
			w.t.Fatal(err)
		}
	}
}

// sealed has a decision sealed, and verified by the stock tool.
func sealed(t *testing.T, w *world, out string) {
	key := filepath.Join(out, "key")
	shell(t, w, `ssh-keygen -q -t ed25519 -N '' -C jane -f "$1"; echo "jane@example.com $(cat "$1.pub")" >"$1.signers"`, key)
	w.env = append(w.env, "PATCHLAB_SEAL_KEY="+key)
	w.want(0, "approve", dental, "booking-broken", "--by", "jane", "--reason", "a trial")
	stdout := shell(t, w, `
cd "$PATCHLAB_HOME/ledger"; n=$(wc -l <entries.jsonl)
sed -n "${n}p" entries.jsonl | ssh-keygen -Y verify -f "$1.signers" -I jane@example.com -n patchlab-ledger -s "seals/$n.sig"
if sed -n "$((n-1))p" entries.jsonl | ssh-keygen -Y verify -f "$1.signers" -I jane@example.com -n patchlab-ledger -s "seals/$n.sig"; then echo WRONG; fi`, key)
	if !strings.Contains(stdout, "Good") || strings.Contains(stdout, "WRONG") {
		t.Errorf("ssh-keygen says:\n%s", stdout)
	}
	if stdout, _ := w.want(0, "verify", "--signers", key+".signers"); !strings.Contains(stdout, "nothing was altered") {
		t.Errorf("verify says:\n%s", stdout)
	}
}

// shell runs a script and returns what it printed.
func shell(t *testing.T, w *world, text string, args ...string) string {
	t.Helper()
	c := exec.Command("bash", append([]string{"-euo", "pipefail", "-c", text, "test"}, args...)...)
	c.Env = w.env
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

// gates asks for the very bytes, for others under the same name, for those
// that failed, and on another definition.
func gates(t *testing.T, w *world, out string) {
	good := dental + "/patches/good/harbour-booking_1.1_all.deb"
	broken := dental + "/patches/broken/harbour-booking_1.2_all.deb"
	w.want(0, "gate", good, "--lab", dental)
	w.want(0, "gate", broken, "--lab", dental) // it was approved
	w.want(0, "reject", dental, "booking-broken", "--reason", "the trial is over")
	if stdout, _ := w.want(1, "gate", broken, "--lab", dental); !strings.Contains(stdout, "rejected") {
		t.Errorf("the rejected one: %s", stdout)
	}
	again := filepath.Join(out, filepath.Base(good))
	text, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)-1] ^= 1
	if err := os.WriteFile(again, text, 0o600); err != nil {
		t.Fatal(err)
	}
	stdout, _ := w.want(1, "gate", again, "--lab", dental)
	if sums := regexp.MustCompile(`\b[0-9a-f]{64}\b`).FindAllString(stdout, -1); len(sums) != 2 || sums[0] == sums[1] {
		t.Errorf("the one that was made again: %s", stdout)
	}
	other := filepath.Join(out, "dental")
	if err := os.CopyFS(other, os.DirFS(dental)); err != nil {
		t.Fatal(err)
	}
	shell(t, w, `sed -i 's/"free slots"/"slots"/' "$1/checks.hcl"`, other)
	stdout, _ = w.want(1, "gate", good, "--lab", other)
	if !strings.Contains(stdout, `check "booking page shows free slots" is other`) {
		t.Errorf("on a changed definition: %s", stdout)
	}
}

// tampering alters a copy of the home, a byte at a time.
func tampering(t *testing.T, w *world, good lab.Record) {
	home, err := os.MkdirTemp("/var/tmp", "patchlab-tamper-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(home) })
	shell(t, w, `cp -a "$PATCHLAB_HOME/ledger" "$PATCHLAB_HOME/runs" "$1"; chmod 0755 "$1"`, home)
	w.env = append(w.env, "PATCHLAB_HOME="+home)
	w.want(0, "verify")
	run := filepath.Join("runs", "dental", good.Run)
	for _, path := range []string{"ledger/entries.jsonl", "ledger/head.json", run + "/run.json", run + "/SHA256SUMS", run + "/report.html"} {
		path := filepath.Join(home, path)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		other := bytes.Clone(text)
		other[len(other)/2] ^= 1
		if err := os.WriteFile(path, other, 0o600); err != nil {
			t.Fatal(err)
		}
		stdout, _ := w.want(3, "verify", "--format", "json")
		var found struct{ Problems []json.RawMessage }
		if err := json.Unmarshal([]byte(stdout), &found); err != nil || len(found.Problems) == 0 {
			t.Errorf("%s was altered: %v\n%s", path, err, stdout)
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w.want(0, "verify")
}
