package patch

import (
	"context"
	"path/filepath"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// cacheScript lists the packages in the caches of dnf, yum and zypper, where
// there is any.
const cacheScript = `for d in /var/cache/dnf /var/cache/yum /var/cache/libdnf5 /var/cache/zypp/packages; do
	if [ -d "$d" ]; then find "$d" -type f -name '*.rpm' -print || :; fi
done`

// oldRPMs gets the files of older packages onto the machine, or says which of
// them are nowhere.
func (j *job) oldRPMs(ctx context.Context, old []wantedRPM) (staged, missing []string, err error) {
	if len(old) == 0 {
		return nil, nil, nil
	}
	if err := j.makeStage(ctx); err != nil {
		return nil, nil, err
	}
	text, err := j.ask(ctx, cacheScript)
	if err != nil {
		return nil, nil, err
	}
	cached := map[string]string{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		cached[strings.TrimSuffix(filepath.Base(line), ".rpm")] = line
	}
	for i, w := range old {
		name := longName(w.id, w.version)
		src, err := previousRPM(j.patch.Bundle, w)
		switch {
		case err != nil:
			return nil, nil, &lab.HostError{Op: "read the bundle " + j.patch.Bundle, Err: err}
		case src != "":
			path, err := j.upload(ctx, src, stagedRPM(i, src), false)
			if err != nil {
				return nil, nil, err
			}
			staged = append(staged, path)
		case cached[name] != "":
			staged = append(staged, cached[name])
		default:
			missing = append(missing, name)
		}
	}
	return staged, missing, nil
}

// previousRPM is the file of a package in a bundle; empty when there is none.
func previousRPM(bundle string, w wantedRPM) (string, error) {
	if bundle == "" {
		return "", nil
	}
	b, err := readBundle(bundle)
	if err != nil {
		return "", err
	}
	for _, f := range b.Files {
		if f.Package+"."+f.Arch == w.id && plainVersion(f.PackageVersion) == w.version {
			return filepath.Join(b.Dir, f.Name), nil
		}
	}
	return "", nil
}
