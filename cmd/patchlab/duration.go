package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// maxDays keeps a number of days within a time.Duration.
const maxDays = 100_000

// duration is a flag's value: what time.ParseDuration takes, with days
// besides, in front: "14d", "1d12h". It is never negative.
type duration time.Duration

// Set implements pflag.Value.
func (d *duration) Set(text string) error {
	v, err := parseDuration(text)
	if err != nil {
		return err
	}
	*d = duration(v)
	return nil
}

// Type implements pflag.Value.
func (*duration) Type() string { return "duration" }

// String implements pflag.Value: whole days are said as days.
func (d *duration) String() string {
	v := time.Duration(*d)
	switch {
	case v == 0:
		return "0"
	case v%(24*time.Hour) == 0:
		return fmt.Sprintf("%dd", v/(24*time.Hour))
	}
	return v.String()
}

func (d *duration) value() time.Duration { return time.Duration(*d) }

func parseDuration(text string) (time.Duration, error) {
	bad := errors.New("want a time such as 90s, 10m, 36h or 14d")
	var days time.Duration
	rest := text
	if before, after, ok := strings.Cut(text, "d"); ok {
		n, err := strconv.ParseUint(before, 10, 32)
		if err != nil || n > maxDays {
			return 0, bad
		}
		days, rest = time.Duration(n)*24*time.Hour, after
		if rest == "" {
			return days, nil
		}
	}
	v, err := time.ParseDuration(rest)
	if err != nil || v < 0 || days+v < 0 {
		return 0, bad
	}
	return days + v, nil
}

// addWait gives cmd the flag for how long it waits for memory and disk.
func (a *app) addWait(cmd *cobra.Command) {
	cmd.Flags().Var((*duration)(&a.wait), "wait",
		"how long to wait for memory or disk that others hold (10m, 2h), instead of ending with exit code 4 at once")
}

// since says a length of time in one unit, rounded down: "2 h".
func since(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", max(0, int(d.Seconds())))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 2*day:
		return fmt.Sprintf("%d h", int(d.Hours()))
	default:
		return fmt.Sprintf("%d days", int(d/day))
	}
}

// ago says how long ago something was: "2 h ago".
func ago(d time.Duration) string { return since(d) + " ago" }
