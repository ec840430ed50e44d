package examples_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/patchlab/patchlab/hcl"
)

// The language's own parser reads Nomad's as well; what blocks and attributes
// mean is only looked for as text, Nomad itself is not here.
func TestNomadJob(t *testing.T) {
	text := nightFile(t, "patchlab-night.nomad")
	formatted, err := hcl.Format([]byte(text), "patchlab-night.nomad")
	if err != nil {
		t.Fatal(err)
	}
	if string(formatted) != text {
		t.Errorf("not formatted, want\n%s", formatted)
	}
	flat := strings.Join(strings.Fields(text), " ")
	for _, want := range []string{
		`type = "batch"`, `periodic { crons = ["0 22 * * *"]`, `prohibit_overlap = true`, `dynamic "group" { for_each = var.labs`,
		`restart { attempts = 0 mode = "fail" }`, `reschedule { attempts = 0 unlimited = false }`,
		`devices = [{ host_path = "/dev/kvm" container_path = "/dev/kvm" cgroup_permissions = "rw" }]`,
		`"/srv/labs/${group.value}"`, `kill_timeout = "180s"`, `cap_drop = ["all"]`,
	} {
		if !strings.Contains(flat, want) {
			t.Errorf("no %s", want)
		}
	}
}

// at walks into a document of maps and lists; a missing place is nil.
func at(v any, path ...any) any {
	for _, p := range path {
		switch key := p.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[key]
		case int:
			list, _ := v.([]any)
			if key >= len(list) {
				return nil
			}
			v = list[key]
		}
	}
	return v
}

// objects are the documents of kubernetes.yaml by "kind/name".
func objects(t *testing.T) map[string]any {
	t.Helper()
	all := map[string]any{}
	d := yaml.NewDecoder(strings.NewReader(nightFile(t, "kubernetes.yaml")))
	for {
		var o any
		if err := d.Decode(&o); err != nil {
			if err.Error() != "EOF" {
				t.Fatal(err)
			}
			return all
		}
		if o != nil { // the comment before the first
			all[fmt.Sprint(at(o, "kind"), "/", at(o, "metadata", "name"))] = o
		}
	}
}

func TestKubernetes(t *testing.T) {
	all := objects(t)
	job := at(all["CronJob/patchlab-night"], "spec", "jobTemplate", "spec")
	pod := at(job, "template", "spec")
	night := at(pod, "containers", 0)
	labs := strings.Fields(fmt.Sprint(at(all["ConfigMap/patchlab-labs"], "data", "labs")))
	for _, c := range []struct {
		what       string
		have, want any
	}{
		{"concurrencyPolicy", at(all["CronJob/patchlab-night"], "spec", "concurrencyPolicy"), "Forbid"},
		{"completionMode", at(job, "completionMode"), "Indexed"},
		{"completions", at(job, "completions"), len(labs)},
		{"activeDeadlineSeconds", at(job, "activeDeadlineSeconds"), 32400},
		{"backoffLimit, which ends all pods when one fails", at(job, "backoffLimit"), nil},
		{"drained nodes", at(job, "podFailurePolicy", "rules", 0, "action"), "Ignore"},
		{"verdicts", at(job, "podFailurePolicy", "rules", 1, "action"), "FailIndex"},
		{"exit codes", fmt.Sprint(at(job, "podFailurePolicy", "rules", 1, "onExitCodes", "values")), "[1 2 3]"},
		{"container", at(job, "podFailurePolicy", "rules", 1, "onExitCodes", "containerName"), at(night, "name")},
		{"restartPolicy", at(pod, "restartPolicy"), "Never"},
		{"token", at(pod, "automountServiceAccountToken"), false},
		{"root", at(pod, "securityContext", "runAsNonRoot"), true},
		{"escalation", at(night, "securityContext", "allowPrivilegeEscalation"), false},
		{"privileged", at(night, "securityContext", "privileged"), nil},
		{"file system", at(night, "securityContext", "readOnlyRootFilesystem"), true},
		{"capabilities", fmt.Sprint(at(night, "securityContext", "capabilities", "drop")), "[ALL]"},
		{"KVM", at(night, "resources", "limits", "devices.kubevirt.io/kvm"), "1"},
	} {
		if c.have != c.want {
			t.Errorf("%s: %v, want %v", c.what, c.have, c.want)
		}
	}
	if name, count := at(night, "env", 0, "name"), at(night, "env", 0, "value"); name != "LAB_COUNT" || count != fmt.Sprint(at(job, "completions")) {
		t.Errorf("%v is %v", name, count)
	}
	script := fmt.Sprint(at(night, "args", 0))
	// A lab that was added to the list, and nowhere else, would never be tested.
	if out := kubernetesNight(t, script, append(labs, "forgotten"), len(labs), 0); out != "exit 2" {
		t.Errorf("completions forgotten: %q", out)
	}
	if out := kubernetesNight(t, script, append(labs, "forgotten"), len(labs), 1); !strings.HasPrefix(out, "night ") {
		t.Errorf("completions forgotten, another lab: %q", out)
	}
	for i := range 3 {
		out := kubernetesNight(t, script, labs, len(labs), i)
		want := "exit"
		if i < len(labs) {
			want = "night /srv/labs/" + labs[i] + " --if-changed "
		}
		if !strings.HasPrefix(out, want) {
			t.Errorf("index %d: %q", i, out)
		}
	}
	volumesExist(t, all, pod)
}

// kubernetesNight runs the script of a pod with a patchlab that says how it
// was called.
func kubernetesNight(t *testing.T, script string, labs []string, count, index int) string {
	t.Helper()
	list := filepath.Join(t.TempDir(), "labs")
	if err := os.WriteFile(list, []byte(strings.Join(labs, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := fakes(t, map[string]string{"patchlab": `echo "$@"`})
	cmd := exec.Command("sh", "-ec", strings.ReplaceAll(script, "/etc/patchlab/labs/labs", list))
	cmd.Env = []string{"PATH=" + dir + ":/usr/bin:/bin", fmt.Sprint("LAB_INDEX=", index), fmt.Sprint("LAB_COUNT=", count)}
	out, err := cmd.Output()
	if err != nil {
		return fmt.Sprint("exit ", cmd.ProcessState.ExitCode())
	}
	return string(out)
}

// volumesExist checks that what is mounted is there.
func volumesExist(t *testing.T, all map[string]any, pod any) {
	t.Helper()
	kinds := map[string]string{}
	list, _ := at(pod, "volumes").([]any)
	for _, v := range list {
		source := "emptyDir"
		for kind, place := range map[string][]any{
			"PersistentVolumeClaim": {"persistentVolumeClaim", "claimName"},
			"ConfigMap":             {"configMap", "name"}, "Secret": {"secret", "secretName"},
		} {
			if name := at(v, place...); name != nil {
				source = fmt.Sprint(kind, "/", name)
			}
		}
		if source != "emptyDir" && all[source] == nil {
			t.Errorf("there is no %s", source)
		}
		kinds[fmt.Sprint(at(v, "name"))] = source
	}
	mounts, _ := at(pod, "containers", 0, "volumeMounts").([]any)
	for _, m := range mounts {
		if name := fmt.Sprint(at(m, "name")); kinds[name] == "" {
			t.Errorf("there is no volume %s", name)
		}
	}
	if len(mounts) < 5 {
		t.Error("mounts are missing")
	}
}

func TestContainerfile(t *testing.T) {
	text := nightFile(t, "Containerfile")
	mod, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindSubmatch(mod)
	if !strings.Contains(text, "\nFROM golang:"+string(version[1])+"-bookworm AS build\n") {
		t.Errorf("it does not build with Go %s", version[1])
	}
	for _, m := range regexp.MustCompile(`(?m)^COPY ([a-z.]+)(?: [a-z.]+)? \S+$`).FindAllStringSubmatch(text, -1) {
		if _, err := os.Stat(filepath.Join("..", m[1])); err != nil {
			t.Error(err)
		}
	}
	// What .ci/setup installs to run machines and build images.
	setup, err := os.ReadFile("../.ci/setup")
	if err != nil {
		t.Fatal(err)
	}
	_, runtime, _ := strings.Cut(text, "\nFROM debian:bookworm-slim\n")
	part := regexp.MustCompile(`# Machines: .*\n(.*)\n\t# Images: .*\n(.*)\n`).FindSubmatch(setup)
	if part == nil {
		t.Fatal(".ci/setup no longer says what machines and images need")
	}
	for _, name := range append(strings.Fields(string(part[1])+" "+string(part[2])), "openssh-client") {
		if !strings.Contains(runtime, " "+name+" ") && !strings.Contains(runtime, " "+name+"\n") {
			t.Errorf("the image has no %s", name)
		}
	}
	if !regexp.MustCompile(`(?m)^USER [1-9]`).MatchString(runtime) {
		t.Error("the image runs as root")
	}
}
