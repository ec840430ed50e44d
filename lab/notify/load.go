package notify

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"github.com/patchlab/patchlab/lab"
)

// maxConfig is the most that is read of a configuration, in bytes.
const maxConfig = 1 << 20

// Load reads the configuration: a line for each target, "WHEN URL"; empty
// lines and those that begin with # are skipped. A missing file is none at
// all. Others than its owner must not be able to read it, but for the group of
// a file that belongs to root: so root gives a service its secrets. Errors are
// *lab.UsageError with file and line, all of them at once, and never show a
// URL.
//
// URLs: shoutrrr's (slack://…, ntfy://…, smtp://…, …),
// mailto:ADDR[,ADDR…][?from=ADDR] (through sendmail), webhook+http(s)://…
// (the Message as JSON by POST).
func Load(path string) ([]Target, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, &lab.UsageError{Err: fmt.Errorf("cannot read the notification targets: %w", err)}
	}
	defer f.Close()
	if err := checkMode(f, path); err != nil {
		return nil, err
	}
	targets, err := parse(f, path)
	if err != nil {
		return nil, &lab.UsageError{
			Err:  err,
			Hint: "a line is WHEN URL, such as: fail mailto:jane@example.com",
		}
	}
	return targets, nil
}

// checkMode refuses a file that others can read. What is no file, such as a
// pipe from a password manager, has an owner and a mode as well.
func checkMode(f *os.File, path string) error {
	info, err := f.Stat()
	if err != nil {
		return &lab.UsageError{Err: fmt.Errorf("cannot read the notification targets: %w", err)}
	}
	if info.IsDir() {
		return &lab.UsageError{Err: fmt.Errorf("cannot read the notification targets: %s is a folder", path)}
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if exposed(info.Mode(), !ok || stat.Uid == 0) {
		return &lab.UsageError{
			Err: fmt.Errorf("%s holds secrets and others can read or change it (mode %04o)",
				path, info.Mode().Perm()),
			Hint: "chmod 600 " + path,
		}
	}
	return nil
}

// exposed reports whether others than who should can get at a file.
func exposed(mode fs.FileMode, ofRoot bool) bool {
	if ofRoot {
		return mode.Perm()&0o037 != 0
	}
	return mode.Perm()&0o077 != 0
}

// parse reads the lines of a configuration.
func parse(r io.Reader, path string) ([]Target, error) {
	var targets []Target
	var errs []error
	limited := &io.LimitedReader{R: r, N: maxConfig + 1}
	lines := bufio.NewScanner(limited)
	lines.Buffer(nil, maxConfig)
	n := 0
	for lines.Scan() {
		n++
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		t, err := parseLine(line)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s:%d: %w", path, n, err))
			continue
		}
		targets = append(targets, t)
	}
	if limited.N <= 0 || errors.Is(lines.Err(), bufio.ErrTooLong) {
		errs = append(errs, fmt.Errorf("%s: larger than %d MiB", path, maxConfig>>20))
	} else if err := lines.Err(); err != nil {
		errs = append(errs, fmt.Errorf("cannot read %s: %w", path, err))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return targets, nil
}

// parseLine reads one target.
func parseLine(line string) (Target, error) {
	fields := strings.Fields(line)
	t := Target{When: When(fields[0])}
	if len(fields) > 1 {
		t.URL = fields[1]
	}
	if len(fields) > 2 {
		return Target{}, errors.New("more than WHEN and URL: write a space in a URL as %20")
	}
	return t, t.check()
}
