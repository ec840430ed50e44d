package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestRetry(t *testing.T) {
	again, final := &failure{"down", true}, &failure{"refused", false}
	for name, c := range map[string]struct {
		answers []*failure
		limit   time.Duration
		want    *failure
		tries   int
		after   time.Duration
	}{
		"at once":       {[]*failure{nil}, time.Minute, nil, 1, 0},
		"second time":   {[]*failure{again, nil}, time.Minute, nil, 2, time.Second},
		"third time":    {[]*failure{again, again, nil}, time.Minute, nil, 3, 5 * time.Second},
		"never":         {[]*failure{again, again, again, nil}, time.Minute, again, 3, 5 * time.Second},
		"no use":        {[]*failure{final, nil}, time.Minute, final, 1, 0},
		"no use later":  {[]*failure{again, final, nil}, time.Minute, final, 2, time.Second},
		"no time later": {[]*failure{again, again, nil}, 3 * time.Second, again, 2, 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), c.limit)
				defer cancel()
				start, n := time.Now(), 0
				got := retry(ctx, func(context.Context) *failure { n++; return c.answers[n-1] })
				if got != c.want || n != c.tries || time.Since(start) != c.after {
					t.Errorf("%v after %d tries and %s", got, n, time.Since(start))
				}
			})
		})
	}
}

func TestWebhook(t *testing.T) {
	in := newInbox(t, 204)
	if err := send(t, in.webhook()); err != nil {
		t.Fatal(err)
	}
	if in.count() != 1 || in.paths[0] != "/t0ken-in-path?key=t0ken-in-query" {
		t.Fatal(in.paths)
	}
	if h := in.heads[0]; h.Get("Content-Type") != "application/json" || !strings.HasPrefix(h.Get("Authorization"), "Basic ") {
		t.Error(h)
	}
	validText(t, in.bodies[0])
	var got Message
	if err := json.Unmarshal(in.bodies[0], &got); err != nil || got.Results[0] != failed() || !got.Time.Equal(noon) {
		t.Errorf("%v, %+v", err, got)
	}
}

func TestWebhookStatuses(t *testing.T) {
	for _, c := range []struct {
		statuses []int
		posts    int
		want     string // in the error; empty: none
	}{
		{[]int{200}, 1, ""},
		{[]int{503, 202}, 2, ""},
		{[]int{429, 200}, 2, ""},
		{[]int{302, 200}, 1, "status 302 Found: redirects are not followed"},
		{[]int{307, 200}, 1, "redirects are not followed"},
		{[]int{403, 200}, 1, "status 403 Forbidden"},
		{[]int{404, 200}, 1, "status 404 Not Found"},
		{[]int{599, 401, 200}, 2, "status 401 Unauthorized"},
	} {
		t.Run(fmt.Sprint(c.statuses), func(t *testing.T) {
			t.Parallel()
			in := newInbox(t, c.statuses...)
			err := send(t, in.webhook())
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.HasSuffix(err.Error(), c.want) && !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%v, want %q", err, c.want)
			}
			if err != nil {
				hides(t, err)
				if !strings.HasPrefix(err.Error(), "cannot notify webhook+http://127.0.0.1:") {
					t.Error(err)
				}
			}
			if in.count() != c.posts {
				t.Errorf("%d posts, want %d", in.count(), c.posts)
			}
		})
	}
}

// deadPort is an address on loopback where nobody listens.
func deadPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestNobodyListens(t *testing.T) {
	for _, url := range []string{
		"webhook+http://us3r:pa55word@%s/t0ken?t0ken=t0ken",
		"generic://us3r:pa55word@%s/t0ken?disabletls=yes&t0ken=t0ken",
		"generic+http://us3r:pa55word@%s/t0ken",
		"ntfy://us3r:pa55word@%s/t0ken?scheme=http",
		"gotify://%s/At0kenXXXXXXXXX?disabletls=yes",
		"smtp://us3r:pa55word@%s/?fromAddress=t0ken@example.com&toAddresses=t0ken@example.com",
		"matrix://us3r:pa55word@%s/?rooms=!t0ken&disableTLS=yes",
	} {
		t.Run(strings.SplitN(url, ":", 2)[0], func(t *testing.T) {
			t.Parallel()
			target := Target{Always, fmt.Sprintf(url, deadPort(t))}
			n := &Notifier{Targets: []Target{target}, Timeout: 500 * time.Millisecond}
			err := n.Send(context.Background(), message())
			hides(t, err)
			if err != nil && !strings.Contains(err.Error(), "connection refused") {
				t.Error(err)
			}
		})
	}
}

// hang is a server that takes requests and says nothing until the test ends.
func hang(t *testing.T) (url string, requests *atomic.Int32) {
	t.Helper()
	requests = &atomic.Int32{}
	end := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		requests.Add(1)
		<-end
	}))
	t.Cleanup(func() { close(end); s.CloseClientConnections(); s.Close() })
	return s.URL, requests
}

func TestAServerThatHangs(t *testing.T) {
	url, requests := hang(t)
	for _, url := range []string{
		"webhook+" + strings.Replace(url, "//", "//us3r:pa55word@", 1) + "/t0ken",
		"generic+" + url + "/t0ken",
	} {
		requests.Store(0)
		n := &Notifier{Targets: []Target{{When: Always, URL: url}}, Timeout: 100 * time.Millisecond}
		err := n.Send(context.Background(), message())
		hides(t, err)
		if !strings.Contains(err.Error(), "no answer in time, and no more time after 100ms") {
			t.Error(err)
		}
		if requests.Load() > 1 {
			t.Errorf("%d requests", requests.Load())
		}
	}
}

func TestInterruptedWhileItHangs(t *testing.T) {
	url, _ := hang(t)
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(50*time.Millisecond, cancel)
	n := &Notifier{Targets: []Target{{When: Always, URL: "webhook+" + url + "/t0ken"}}, Timeout: time.Hour}
	err := n.Send(ctx, message())
	hides(t, err)
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// An answer of 500 MB is neither read nor kept.
func TestAHugeAnswer(t *testing.T) {
	const size = 500 << 20
	var sent atomic.Int64
	done := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		defer close(done)
		chunk := []byte(strings.Repeat("t0ken ", 1<<14))
		for sent.Load() < size {
			n, err := w.Write(chunk)
			sent.Add(int64(n))
			if err != nil {
				return
			}
		}
	}))
	defer s.Close()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if err := send(t, "webhook+"+s.URL); err != nil {
		t.Error(err)
	}
	<-done
	runtime.ReadMemStats(&after)
	if sent.Load() > 64<<20 || after.TotalAlloc-before.TotalAlloc > 32<<20 {
		t.Errorf("%d MiB were sent, %d MiB allocated", sent.Load()>>20, (after.TotalAlloc-before.TotalAlloc)>>20)
	}
}

// A header without end is as bad.
func TestAHugeHeader(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Long", strings.Repeat("t0ken", 1<<18))
		w.WriteHeader(403)
	}))
	defer s.Close()
	hides(t, send(t, "webhook+"+s.URL))
}

func TestSendTellsAllAndJoinsWhatFailed(t *testing.T) {
	good, bad := newInbox(t, 200), newInbox(t, 403)
	n := &Notifier{Targets: []Target{
		{OnFail, bad.webhook()},
		{OnFail, good.webhook()},
		{OnChange, bad.webhook()},
		{When: OnFail, URL: "slack://t0ken"},
		{When: OnFail, URL: "t0ken\x01"},
	}}
	err := n.Send(context.Background(), message())
	hides(t, err)
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != 4 || good.count() != 1 || bad.count() != 2 {
		t.Fatalf("%d and %d posts: %v", good.count(), bad.count(), err)
	}
	for i, want := range []string{"(target 1 of 5)", "(target 3 of 5)", "slack (target 4 of 5)", "(target 5 of 5)"} {
		if !strings.Contains(lines[i], want) {
			t.Errorf("%q has no %q", lines[i], want)
		}
	}
}

func TestSendToThoseWhoWantToKnow(t *testing.T) {
	for when, want := range map[When]int{OnFail: 0, OnChange: 1, Always: 1} {
		in := newInbox(t, 200)
		r := failed()
		r.Verdict, r.Code, r.Before = "pass", 0, "fail"
		n := &Notifier{Targets: []Target{{when, in.webhook()}}}
		if err := n.Send(context.Background(), NewMessage("spare", []Result{r}, 0, "", noon)); err != nil {
			t.Error(err)
		}
		if in.count() != want {
			t.Errorf("%s: %d messages, want %d", when, in.count(), want)
		}
	}
	if err := new(Notifier).Send(context.Background(), message()); err != nil {
		t.Error(err)
	}
}

// What the labs keep secret goes nowhere, errors included.
func TestSecretsOfLabsAreRedacted(t *testing.T) {
	in, plain := newInbox(t, 200), newInbox(t, 200)
	mail := sendmail(t, `cat >"$OUT"; echo "hunter2 refused" >&2; exit 69`)
	n := &Notifier{
		Targets: []Target{
			{Always, in.webhook()},
			{Always, "generic+" + plain.URL + "/?template=json"},
			{Always, "mailto:jane@example.com"},
			{Always, "generic+" + plain.URL},
		},
		Redact:   func(s string) string { return strings.ReplaceAll(s, "hunter2", "(sensitive)") },
		Sendmail: mail.command,
	}
	r := failed()
	r.Reason, r.Patch = `said "hunter2"`, "hunter2"
	m := NewMessage("hunter2", []Result{r}, 1, "the password is hunter2\n", noon)
	m.Subject += " hunter2"
	err := n.Send(context.Background(), m)
	hides(t, err, "hunter2")
	if !strings.Contains(err.Error(), "(sensitive) refused") {
		t.Error(err)
	}
	for _, text := range []string{string(in.bodies[0]), string(plain.bodies[0]), string(plain.bodies[1]), mail.got(t)} {
		if strings.Contains(text, "hunter2") || !strings.Contains(text, "(sensitive)") {
			t.Errorf("%s", text)
		}
	}
}

func TestCauseKeepsNothingOfTheError(t *testing.T) {
	for text, want := range map[string]string{
		`Post "https://hooks.example.com/t0ken": dial tcp 192.0.2.1:443: connect: connection refused`: "connection refused",
		"got status code: 503 Service t0ken": "status 503 Service Unavailable",
		"x: HTTP 401 t0ken":                  "status 401 Unauthorized",
		"failed to send: 404 t0ken":          "status 404 Not Found",
		"t0ken is no good":                   "the service did not take it; why is not shown, since that can hold the URL's secrets",
		"tls: t0ken":                         "TLS failed",
	} {
		if got := cause(errors.New(text), false); got.text != want {
			t.Errorf("%s: %s", text, got.text)
		}
	}
	if got := cause(errors.New("fail: error authenticating: 535 5.7.8 t0ken"), true); got.text != "the mail server answered 535" || got.again {
		t.Error(got)
	}
	if got := cause(fmt.Errorf("t0ken: %w", context.DeadlineExceeded), false); got.text != "no answer in time" {
		t.Error(got)
	}
	if got := cause(fmt.Errorf("t0ken: %w", io.ErrUnexpectedEOF), false); got.text != "connection lost" || !got.again {
		t.Error(got)
	}
}
