package check

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/patchlab/patchlab/lab"
)

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		all  []float64
		want float64
	}{{[]float64{3}, 3}, {[]float64{9, 1, 2}, 2}, {[]float64{4, 1, 2, 9}, 3}} {
		if got := median(c.all); got != c.want {
			t.Errorf("%v: %v, want %v", c.all, got, c.want)
		}
	}
}

func TestJudgeMedian(t *testing.T) {
	base := func(s ...float64) *lab.CheckResult { return &lab.CheckResult{Passed: true, Samples: s} }
	slow := &lab.PerformanceCheck{Factor: 2, Slack: 200 * time.Millisecond}
	for _, c := range []struct {
		name    string
		spec    *lab.PerformanceCheck
		samples []float64
		before  *lab.CheckResult
		passed  bool
		message string
	}{
		{"baseline", slow, []float64{9}, nil, true, "median 9s of 1 samples"},
		{"as fast", slow, []float64{1.1, 9, 1}, base(1), true, "median 1.1s of 3 samples, 1s in the baseline"},
		{"slower", slow, []float64{2.1}, base(1), false, "median 2.1s of 1 samples, 1s in the baseline, want at most 2 times that or 200ms more"},
		{"within the slack", slow, []float64{0.2}, base(0.01), true, "median 200ms of 1 samples, 10ms in the baseline"},
		{"within the factor", slow, []float64{2}, base(1), true, "median 2s of 1 samples, 1s in the baseline"},
		{"too slow in the baseline", &lab.PerformanceCheck{Max: time.Second}, []float64{1.5}, nil, false, "median 1.5s of 1 samples, want at most 1s"},
		{"too slow later", &lab.PerformanceCheck{Max: time.Second, Slack: time.Minute}, []float64{1.5}, base(1.4), false, "median 1.5s of 1 samples, want at most 1s"},
		{"no baseline", slow, []float64{1}, base(), false, "median 1s of 1 samples, but the baseline measured nothing to compare it with"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := finding{samples: c.samples}
			f.judgeMedian(c.spec, median(c.samples), c.before)
			if got := f.message("desk", long); f.passed() != c.passed || got != c.message {
				t.Errorf("%t, %q; want %t, %q", f.passed(), got, c.passed, c.message)
			}
		})
	}
}

// TestPerformanceOfCommand has the host's shell run the script; each run of
// the command moves the clock that it reads by 1.5 s.
func TestPerformanceOfCommand(t *testing.T) {
	dir := tree(t, map[string]string{"uptime": "100.00 7.00\n", "runs": ""})
	tick := `read up rest <` + dir + `/uptime; echo . >>` + dir + `/runs
echo "$((${up%.*} + 1)).50 7.00" >` + dir + `/uptime`
	m := onHost(t, map[string]string{"it's": tick}, "/proc/uptime", dir+"/uptime")
	res := make1(t, &lab.PerformanceCheck{Run: `"it's"; echo noise; exit 0`, Samples: 3}, m, long)
	want(t, res, true, "median 1s of 3 samples")
	if !slices.Equal(res.Samples, []float64{1.5, 1, 1}) {
		t.Errorf("samples %v", res.Samples)
	}
	res = make1(t, &lab.PerformanceCheck{Run: "echo oops >&2; exit 4", Samples: 3}, m, long)
	want(t, res, false, "exit code 4, want 0: oops")
	if res.Samples != nil {
		t.Errorf("samples %v of a command that failed", res.Samples)
	}
}

func TestPerformanceHostileTimes(t *testing.T) {
	for runs, message := range map[string]string{
		"1 2 0\n":             "desk measured 1 times, want 2",
		"2 1 0\n1 2 0\n":      `desk measures "2 1 0"`,
		"1 NaN 0\n1 2 0\n":    `desk measures "1 NaN 0"`,
		"-Inf 1 0\n1 2 0\n":   `desk measures "-Inf 1 0"`,
		"1 2\n1 2 0\n":        `desk measures "1 2"`,
		"1 2 0\n1 2 0\n1 2 0": "desk measured 3 times, want 2",
	} {
		for _, system := range []lab.OS{lab.Linux, lab.Windows} {
			want(t, make1(t, &lab.PerformanceCheck{Run: "it's", Samples: 2}, answers(t, system, facts{"runs": runs}), long), false, message)
		}
	}
}

func TestPerformanceOfPage(t *testing.T) {
	asked := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		switch r.URL.Path {
		case "/broken":
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "half")
		case "/moved":
			http.Redirect(w, r, "/error", http.StatusFound)
		case "/":
			_, _ = io.WriteString(w, strings.Repeat("y", 2<<20))
		default:
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	defer srv.Close()
	res := make1(t, &lab.PerformanceCheck{URL: srv.URL + "/", Samples: 4}, nil, long)
	if !res.Passed || len(res.Samples) != 4 || asked != 4 {
		t.Errorf("asked %d times: %+v", asked, res)
	}
	want(t, make1(t, &lab.PerformanceCheck{URL: srv.URL + "/x"}, nil, long), false, "status 500, want one below 400")
	want(t, make1(t, &lab.PerformanceCheck{URL: srv.URL + "/broken"}, nil, long), false, "body broke off after 4 bytes")
	if res := make1(t, &lab.PerformanceCheck{URL: srv.URL + "/moved", Samples: 1}, nil, long); !res.Passed {
		t.Error(res.Message)
	}
	want(t, make1(t, &lab.PerformanceCheck{}, nil, long), false, "nothing to measure")
}

func TestPerformanceTimesOut(t *testing.T) {
	want(t, make1(t, &lab.PerformanceCheck{Run: "sleep 1h"}, hanging(), short), false, "not done within 200ms")
}
