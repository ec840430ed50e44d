package patch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// hostApt is this host's apt, in a private folder, that takes a machine's
// packages for the installed ones.
type hostApt struct {
	dir string
	env []string
}

// hostApt prepares apt for the machine with number i. The package lists are
// shared by all machines and fetched for the first, for all architectures.
func (m *maker) hostApt(ctx context.Context, i int, f facts, archs []string) (*hostApt, error) {
	lists := filepath.Join(m.work, "lists")
	a := &hostApt{dir: filepath.Join(m.work, fmt.Sprint(i))}
	conf := filepath.Join(a.dir, "apt.conf")
	a.env = append(os.Environ(), "APT_CONFIG="+conf, "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive")
	acquire, err := hostAcquire(ctx)
	if err != nil {
		return nil, err
	}
	if i > 0 {
		archs = f.archs
	}
	err = errors.Join(
		os.MkdirAll(filepath.Join(lists, "partial"), 0o750),
		os.MkdirAll(filepath.Join(a.dir, "cache", "archives", "partial"), 0o750),
		os.WriteFile(filepath.Join(a.dir, "status"), []byte(f.status), 0o600),
		os.WriteFile(filepath.Join(a.dir, "preferences"), []byte(pins(f.release)), 0o600),
		os.WriteFile(conf, []byte(acquire+aptConf(a.dir, lists, m.Sources, f.archs[0], archs)), 0o600),
	)
	if err == nil && i == 0 && m.Sources == "" {
		err = copyLists(lists)
	}
	if err != nil {
		return nil, &lab.HostError{Op: "prepare a folder for apt", Err: err}
	}
	if i == 0 {
		if err := m.update(ctx, a); err != nil {
			return nil, err
		}
		// From here on the machine's own architectures count.
		if err := os.WriteFile(conf, []byte(acquire+aptConf(a.dir, lists, m.Sources, f.archs[0], f.archs)), 0o600); err != nil {
			return nil, &lab.HostError{Op: "prepare a folder for apt", Err: err}
		}
	}
	return a, a.hasRelease(ctx, f.release)
}

func (m *maker) update(ctx context.Context, a *hostApt) error {
	m.Progress.Step("reading the package lists of this host's apt sources")
	_, text, err := a.run(ctx, "", "apt-get", "-q", "update")
	if err != nil {
		return &lab.HostError{Op: "read the package lists of this host's apt sources", Err: why(err, text)}
	}
	return nil
}

// aptConf keeps apt to its folder. Nothing of the host's configuration is
// read, so that no hook of the host's runs.
func aptConf(dir, lists, sources, arch string, archs []string) string {
	conf := fmt.Sprintf(`Dir::State %[1]q;
Dir::State::lists %[2]q;
Dir::State::status "%[3]s/status";
Dir::State::extended_states "%[3]s/extended_states";
Dir::Cache "%[3]s/cache";
Dir::Log "%[3]s";
Dir::Etc::main "/dev/null";
Dir::Etc::parts "/dev/null";
Dir::Etc::preferences "%[3]s/preferences";
Dir::Etc::preferencesparts "/dev/null";
APT::Install-Recommends "false";
APT::Sandbox::User "root";
#clear Acquire::Languages;
Acquire::Languages "none";
APT::Architecture %[4]q;
#clear APT::Architectures;
`, dir, lists, dir, arch)
	for _, a := range archs {
		conf += fmt.Sprintf("APT::Architectures:: %q;\n", a)
	}
	if sources != "" {
		conf += fmt.Sprintf("Dir::Etc::sourcelist %q;\nDir::Etc::sourceparts %q;\n",
			filepath.Join(sources, "sources.list"), filepath.Join(sources, "sources.list.d"))
	}
	return conf
}

// hostAcquire is how this host's apt fetches: proxies and the like.
func hostAcquire(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "apt-config", "dump").Output()
	if err != nil {
		return "", noApt(err)
	}
	var conf strings.Builder
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, "Acquire::") && !strings.HasPrefix(line, "Acquire::IndexTargets") {
			conf.WriteString(line)
		}
	}
	return conf.String(), nil
}

func noApt(err error) error {
	return &lab.HostError{
		Op: "resolve packages with this host's apt", Err: err,
		Hint: "make the bundle on a host with apt, such as Debian or Ubuntu, and bring its folder here",
	}
}

// pins allow the pockets of a release alone.
func pins(release string) string {
	var b strings.Builder
	for _, pocket := range []string{release, release + "-updates", release + "-security"} {
		fmt.Fprintf(&b, "Package: *\nPin: release n=%s\nPin-Priority: 500\n\n", pocket)
	}
	b.WriteString("Package: *\nPin: release n=*\nPin-Priority: -1\n")
	return b.String()
}

// copyLists takes over what the host knows already: it need not be fetched
// once more.
func copyLists(lists string) error {
	const host = "/var/lib/apt/lists"
	entries, err := os.ReadDir(host)
	if err != nil {
		return nil //nolint:nilerr // all of it is fetched then
	}
	for _, e := range entries {
		if !e.Type().IsRegular() || !strings.Contains(e.Name(), "_") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(host, e.Name()))
		if err != nil {
			continue // as above
		}
		if err := os.WriteFile(filepath.Join(lists, e.Name()), text, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// hasRelease reports an error when the sources do not have the release.
func (a *hostApt) hasRelease(ctx context.Context, release string) error {
	text, _, err := a.run(ctx, "", "apt-get", "indextargets", "--format", "$(CODENAME)", "Created-By: Packages")
	if err != nil {
		return &lab.HostError{Op: "read this host's apt sources", Err: why(err, text)}
	}
	have := strings.Fields(text)
	if slices.Contains(have, release) {
		return nil
	}
	slices.Sort(have)
	return &lab.HostError{
		Op:   "resolve packages with this host's apt",
		Err:  fmt.Errorf("its sources have no release %q, which the machine runs; they have %s", release, orNone(strings.Join(slices.Compact(have), ", "))),
		Hint: "add the release to /etc/apt/sources.list.d and run `apt-get update`",
	}
}

// run runs one of apt's programs in folder dir (empty: its own) and returns
// what it printed to stdout, and all that it printed.
func (a *hostApt) run(ctx context.Context, dir, name string, args ...string) (stdout, all string, err error) {
	var out, both bytes.Buffer
	if dir == "" {
		dir = a.dir
	}
	c := exec.CommandContext(ctx, name, args...) //nolint:gosec // arguments are options and checked names
	c.Dir, c.Env = dir, a.env
	c.Stdout, c.Stderr = &out, &both
	err = c.Run()
	if errors.Is(err, exec.ErrNotFound) {
		err = noApt(err)
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return out.String(), out.String() + both.String(), err
}

// why puts the line that says why into the place of "exit status 100".
func why(err error, text string) error {
	if _, ok := errors.AsType[*exec.ExitError](err); ok {
		return errors.New(lab.Printable(cause(text), messageLimit))
	}
	return err
}
