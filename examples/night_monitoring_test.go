package examples_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/patchlab/patchlab/lab/notify"
)

func TestNotifyConfigurations(t *testing.T) {
	secret := fmt.Sprint(at(objects(t)["Secret/patchlab-notify"], "stringData", "notify.conf"))
	for text, want := range map[string]int{nightFile(t, "notify.conf"): 5, secret: 0, strings.Replace(secret, "# fail", "fail", 1): 1} {
		path := filepath.Join(t.TempDir(), "notify.conf")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		targets, err := notify.Load(path)
		if err != nil || len(targets) != want {
			t.Errorf("%d targets, want %d: %v", len(targets), want, err)
		}
	}
}

var metricName = regexp.MustCompile(`\bpatchlab_[a-z_]+`)

// metrics are the names that patchlab writes.
func metrics(t *testing.T) []string {
	t.Helper()
	var b strings.Builder
	now := time.Unix(1, 0)
	sample := notify.Sample{Lab: "a", Verdict: "pass", Started: now, LastPass: now}
	if err := notify.Metrics(&b, "patchlab", []notify.Sample{sample}, now, 0, 1, "1"); err != nil {
		t.Fatal(err)
	}
	names := metricName.FindAllString(b.String(), -1)
	slices.Sort(names)
	return slices.Compact(names)
}

// usesOnly checks that text knows the metrics that there are, and all of them.
func usesOnly(t *testing.T, what, text string, all bool) {
	t.Helper()
	have, used := metrics(t), metricName.FindAllString(text, -1)
	for _, name := range used {
		if !slices.Contains(have, name) {
			t.Errorf("%s: there is no metric %s", what, name)
		}
	}
	for _, name := range have {
		if all && !slices.Contains(used, name) {
			t.Errorf("%s: no word of %s", what, name)
		}
	}
}

func TestPrometheusRules(t *testing.T) {
	text := nightFile(t, "prometheus-rules.yaml")
	var doc any
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	rules, _ := at(doc, "groups", 0, "rules").([]any)
	var exprs []string
	for _, r := range rules {
		if at(r, "alert") == nil || at(r, "expr") == nil || at(r, "labels", "severity") == nil || at(r, "annotations", "summary") == nil {
			t.Errorf("incomplete: %v", r)
		}
		exprs = append(exprs, fmt.Sprint(at(r, "expr")))
	}
	usesOnly(t, "rules", strings.Join(exprs, "\n"), false)
	for _, name := range []string{
		"absent(patchlab_last_night_timestamp_seconds)", "present_over_time(patchlab_last_night_timestamp_seconds[7d]) unless on (instance, night)",
		"night_timestamp", "night_exit_code", "last_pass", `verdict="fail"`, `verdict="inconclusive"`, "disk_bytes",
	} {
		if !strings.Contains(strings.Join(exprs, "\n"), name) {
			t.Errorf("no rule about %s", name)
		}
	}
	if promtool, err := exec.LookPath("promtool"); err == nil {
		if out, err := exec.Command(promtool, "check", "rules", "night/prometheus-rules.yaml").CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	}
	usesOnly(t, "README.md", nightFile(t, "README.md"), true)
}

func TestGrafanaDashboard(t *testing.T) {
	text := nightFile(t, "grafana-dashboard.json")
	var doc any
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	usesOnly(t, "dashboard", text, true)
	// A lab that is in two nights is counted once, and nights are told apart.
	for _, m := range regexp.MustCompile(`sum[^"]*patchlab_last_run_verdict`).FindAllString(text, -1) {
		if !strings.Contains(m, "max by (instance, lab, client, patch") {
			t.Errorf("it counts twice: %s", m)
		}
	}
	if n := strings.Count(text, `{{instance}} {{night}}`); n != 2 {
		t.Errorf("%d panels tell nights apart", n)
	}
	panels, _ := at(doc, "panels").([]any)
	ids := map[any]bool{}
	for _, p := range panels {
		if at(p, "title") == nil || at(p, "type") == nil || at(p, "targets", 0, "expr") == nil || ids[at(p, "id")] {
			t.Errorf("incomplete, or twice: %v", at(p, "title"))
		}
		ids[at(p, "id")] = true
	}
	if len(panels) < 5 {
		t.Errorf("%d panels", len(panels))
	}
}
