package notify

import (
	"bytes"
	"context"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nicholas-fedor/shoutrrr/pkg/router"
)

func TestGeneric(t *testing.T) {
	in := newInbox(t, 200)
	host := strings.TrimPrefix(in.URL, "http://")
	for _, url := range []string{
		"generic://" + host + "/t0ken?disabletls=yes",
		"generic+" + in.URL + "/t0ken",
		"generic://" + host + "/t0ken?disabletls=yes&template=json",
	} {
		if err := send(t, url); err != nil {
			t.Error(err)
		}
	}
	m := message()
	if in.count() != 3 {
		t.Fatal(in.count())
	}
	for i := range 2 {
		if got := string(in.bodies[i]); got != m.Subject+"\n\n"+m.Text || in.paths[i] != "/t0ken" {
			t.Errorf("%s %q", in.paths[i], got)
		}
	}
	if got := string(in.bodies[2]); !strings.Contains(got, `"title":"`+m.Subject+`"`) {
		t.Error(got)
	}
}

func TestServicesRefuse(t *testing.T) {
	for _, c := range []struct {
		status, posts int
		url, want     string
	}{
		{403, 1, "generic+URL/t0ken", "status 403 Forbidden"},
		{503, 3, "generic+URL/t0ken", "status 503 Service Unavailable"},
		{401, 1, "ntfy://us3r:pa55word@HOST/t0ken?scheme=http", "status 401 Unauthorized"},
		{401, 1, "gotify://HOST/At0kenXXXXXXXXX?disabletls=yes", "status 401 Unauthorized"},
	} {
		t.Run(c.want, func(t *testing.T) {
			t.Parallel()
			in := newInbox(t, c.status)
			url := strings.NewReplacer("URL", in.URL, "HOST", strings.TrimPrefix(in.URL, "http://")).Replace(c.url)
			err := send(t, url)
			hides(t, err)
			if err == nil || !strings.HasSuffix(err.Error(), c.want) {
				t.Error(err)
			}
			if in.count() != c.posts {
				t.Errorf("%d posts, want %d", in.count(), c.posts)
			}
		})
	}
}

// What comes with a new version of shoutrrr must be looked at: whether it
// shows a title, and whether it tells anybody.
func TestEveryServiceIsKnown(t *testing.T) {
	untitled := []string{
		"generic", "googlechat", "hangouts", "ifttt", "logger", "matrix", "mattermost",
		"notifiarr", "opsgenie", "pagerduty", "rocketchat", "signal", "wecom", "zulip",
	}
	have := new(router.ServiceRouter).ListServices()
	slices.Sort(have)
	want := append(slices.Clone(titled), untitled...)
	slices.Sort(want)
	if !slices.Equal(have, want) {
		t.Errorf("shoutrrr has %v, want %v", have, want)
	}
}

func TestTextsFitTheService(t *testing.T) {
	m := message()
	m.Text = strings.Repeat("ü", 10_000)
	for _, name := range []string{"telegram", "rocketchat"} {
		text, params := shaped(name, m)
		if len(text) > maxChatText || !strings.HasSuffix(text, "…\n(cut; the whole is on spare)") {
			t.Errorf("%s: %d bytes", name, len(text))
		}
		title, titled := params.Title()
		if titled == strings.HasPrefix(text, m.Subject) || titled && title != m.Subject {
			t.Errorf("%s: title %q, text %.50q", name, title, text)
		}
	}
	m.Subject = "Größe\nBcc: eve@example.com"
	text, params := shaped("smtp", m)
	if title, _ := params.Title(); title != `=?utf-8?q?Gr=C3=B6=C3=9Fe\nBcc:_eve@example.com?=` || text != m.Text {
		t.Errorf("%q", title)
	}
	m.Text = ""
	if text, _ = shaped("ntfy", m); text != m.Subject {
		t.Errorf("%q", text)
	}
}

// Standard output is for results and standard error for what patchlab says:
// shoutrrr writes to neither.
func TestShoutrrrIsQuiet(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "said"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var logged bytes.Buffer
	stdout, stderr := os.Stdout, os.Stderr
	log.SetOutput(&logged)
	os.Stdout, os.Stderr = file, file
	defer func() {
		os.Stdout, os.Stderr = stdout, stderr
		log.SetOutput(stderr)
	}()
	in := newInbox(t, 200, 403)
	n := &Notifier{Targets: []Target{
		{Always, "generic+" + in.URL},
		{Always, "generic+" + in.URL},
		{Always, "ntfy://" + strings.TrimPrefix(in.URL, "http://") + "/t0ken?scheme=http&disabletlsverification=yes"},
	}}
	_ = n.Send(context.Background(), message())
	if info, err := file.Stat(); err != nil || info.Size() > 0 || logged.Len() > 0 {
		t.Errorf("%v, %v bytes, %s", err, info.Size(), logged.String())
	}
}
