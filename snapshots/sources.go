package snapshots

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// aptSource is one of the host's own package sources.
type aptSource struct {
	Site     string // base address, as the host's administrator wrote it
	Release  string // such as "bookworm-security"
	SignedBy string // keyring; empty: those that the host trusts
}

// line returns the source as in sources.list(5).
func (a aptSource) line() string {
	opts := ""
	if a.SignedBy != "" {
		opts = "[signed-by=" + a.SignedBy + "] "
	}
	return "deb " + opts + a.Site + " " + a.Release + " main"
}

// The fields that apt is asked for, divided by what no address can hold.
const targetFormat = `$(SITE)|$(RELEASE)|$(CODENAME)|$(ORIGIN)|$(COMPONENT)|$(CREATED_BY)|$(ARCHITECTURE)`

// debianKeyring is where the package debian-archive-keyring puts the keys.
const debianKeyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

// aptSources returns the host's sources of each pocket of a Debian release,
// in the order of pockets. The addresses are the host's: patchlab knows none.
func (s *Store) aptSources(ctx context.Context, b *lab.Build) ([]aptSource, error) {
	var out bytes.Buffer
	var errOut tail
	err := s.run.Run(ctx, Tool{
		Name: "apt-get", Args: []string{"indextargets", "--format", targetFormat},
		Stdout: &out, Stderr: &errOut,
	})
	if err != nil {
		return nil, toolError("ask apt for the host's package sources", err, &errOut)
	}
	keyring := ""
	if _, err := os.Stat(debianKeyring); err == nil {
		keyring = debianKeyring
	}
	pockets := b.Pockets
	if len(pockets) == 0 {
		pockets = []string{"release"}
	}
	var sources []aptSource
	for _, pocket := range pockets {
		src, ok := pickSource(out.String(), pocketRelease(b.Release, pocket))
		if !ok {
			return nil, noSource(b, pocket)
		}
		src.SignedBy = keyring
		sources = append(sources, src)
	}
	return sources, nil
}

// pocketRelease is what apt calls a pocket of a release.
func pocketRelease(release, pocket string) string {
	if pocket == "release" {
		return release
	}
	return release + "-" + pocket
}

// pickSource finds the first usable source of a release in apt's answer.
func pickSource(targets, release string) (aptSource, bool) {
	for l := range strings.Lines(targets) {
		f := strings.Split(strings.TrimSpace(l), "|")
		if len(f) != 7 {
			continue
		}
		site, rel, codename, origin, component, kind, arch := f[0], f[1], f[2], f[3], f[4], f[5], f[6]
		if origin != "Debian" || component != "main" || kind != "Packages" || arch != "amd64" {
			continue
		}
		// A source may be written by its suite ("stable"): the code name is
		// what it is.
		if release != codename && release != rel {
			continue
		}
		if i := strings.IndexByte(site, ':'); i < 0 || !slices.Contains([]string{"http", "https", "mirror+file", "mirror", "tor+http", "file"}, site[:i]) {
			continue
		}
		if strings.ContainsAny(site+rel, " \t'\"[]") {
			continue
		}
		return aptSource{Site: site, Release: release}, true
	}
	return aptSource{}, false
}

func noSource(b *lab.Build, pocket string) error {
	return &lab.HostError{
		Op: "build an image of " + b.Distro + " " + b.Release,
		Err: fmt.Errorf("apt knows no source for %q on this host (Debian, main, amd64): %w",
			pocketRelease(b.Release, pocket), errors.New("see apt-get indextargets")),
		Hint: "apt-get update   (or add that release to /etc/apt/sources.list.d)",
	}
}

// toolError says what a failed program of the host was for, with its last
// words, and what to do when it is not installed.
func toolError(op string, err error, said *tail) error {
	hint := ""
	if missing(err) {
		hint = "make setup   (or see: patchlab doctor)"
	}
	if lines := said.last(5); len(lines) > 0 {
		err = fmt.Errorf("%w: %s", err, strings.Join(lines, "; "))
	}
	return &lab.HostError{Op: op, Err: err, Hint: hint}
}
