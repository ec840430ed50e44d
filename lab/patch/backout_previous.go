package patch

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/patchlab/patchlab/lab/guest"
)

// packageCache is where apt keeps the packages that it fetched.
const packageCache = "/var/cache/apt/archives"

// gatherPrevious finds files of the packages in need and puts them into w.
// Missing are those that there are none of, as "name version (arch)".
func (j *job) gatherPrevious(ctx context.Context, w *way, need []deb, rebuilt map[string]string) (missing []string, err error) {
	local, err := j.previousFromBundle(need)
	if err != nil {
		return nil, err
	}
	cached, err := j.previousFromCache(ctx, need)
	if err != nil {
		return nil, err
	}
	for i, d := range need {
		switch {
		case local[i] != "":
			need[i].file = local[i]
		case cached[i] != "":
			need[i].staged = cached[i]
		default:
			missing = append(missing, fmt.Sprintf("%s %s (%s)", d.name, d.version, d.arch))
		}
	}
	if len(missing) > 0 {
		return missing, nil
	}
	if len(need) == 0 {
		return nil, nil
	}
	if err := j.stagePrevious(ctx, need); err != nil {
		return nil, err
	}
	w.files = need
	return j.wrongBuilds(ctx, need, rebuilt)
}

// previousFromBundle gives the path on this host of each package that the
// bundle has.
func (j *job) previousFromBundle(need []deb) ([]string, error) {
	paths := make([]string, len(need))
	if j.patch.Bundle == "" || len(need) == 0 {
		return paths, nil
	}
	b, err := j.bundle()
	if err != nil {
		return nil, err
	}
	for i, d := range need {
		paths[i], _ = b.PreviousOf(j.guest.Machine().Name, d.name, d.version, d.arch)
	}
	return paths, nil
}

// previousFromCache gives the path on the machine of each package that its
// own cache has.
func (j *job) previousFromCache(ctx context.Context, need []deb) ([]string, error) {
	paths := make([]string, len(need))
	if len(need) == 0 {
		return paths, nil
	}
	names := make([]string, len(need))
	for i, d := range need {
		names[i] = packageCache + "/" + cacheName(d.name, d.version, d.arch)
	}
	text, err := j.ask(ctx, "for f in "+guest.Quote(names...)+`; do if [ -f "$f" ]; then echo "$f"; fi; done`)
	if err != nil {
		return nil, err
	}
	there := strings.Split(text, "\n")
	for i, n := range names {
		if slices.Contains(there, n) {
			paths[i] = n
		}
	}
	return paths, nil
}

// cacheName is how apt names the file of a package.
func cacheName(name, version, arch string) string {
	return name + "_" + strings.ReplaceAll(version, ":", "%3a") + "_" + arch + ".deb"
}

// stagePrevious uploads those that are on this host.
func (j *job) stagePrevious(ctx context.Context, need []deb) error {
	if err := j.makeStage(ctx); err != nil {
		return err
	}
	for i, d := range need {
		if d.file == "" {
			continue
		}
		staged, err := j.upload(ctx, d.file, stagedName(i, d.file), false)
		if err != nil {
			return err
		}
		need[i].staged = staged
	}
	return nil
}

// wrongBuilds names the files that have the version, but not the content,
// that was there before the patch.
func (j *job) wrongBuilds(ctx context.Context, need []deb, rebuilt map[string]string) (wrong []string, err error) {
	again := slices.DeleteFunc(slices.Clone(need), func(d deb) bool { _, ok := rebuilt[d.id()]; return !ok })
	contents, err := j.contents(ctx, again)
	if err != nil {
		return nil, err
	}
	for i, d := range again {
		if contents[i].file != rebuilt[d.id()] {
			wrong = append(wrong, fmt.Sprintf("%s %s (%s) with the content it had before", d.name, d.version, d.arch))
		}
	}
	return wrong, nil
}
