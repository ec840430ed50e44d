package hcl_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/patchlab/patchlab/hcl"
	"github.com/patchlab/patchlab/lab"
)

// TestPasswordsAreSecret has passwords and a key that no variable marks.
func TestPasswordsAreSecret(t *testing.T) {
	l := loadEveryKind(t)
	key, err := os.ReadFile("testdata/valid/every_kind/files/monitor_key")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"tide5and4harbour3", "a literal is a secret too", string(key), strings.Split(string(key), "\n")[1]} {
		if !slices.Contains(l.Secrets, want) {
			t.Errorf("%q is no secret of the lab", want)
		}
	}
	d := mistakes(t, small+noResult+`
check "c" {
  pop3 {
    host     = "m"
    user     = "u"
    password = "ZQ\n"
    messages = 1
  }
}
check "d" {
  imap {
    host     = "m"
    user     = "u"
    password = "hunter2"
    mailbox  = "hunter2\n"
  }
}`)
	if strings.Contains(d.Error(), "hunter2") || strings.Contains(d.Error(), "ZQ") {
		t.Errorf("a password is shown:\n%s", d)
	}
}

// TestDefaults has the least that each of some blocks can say.
func TestDefaults(t *testing.T) {
	l := load(t, noResult+`
check "ssh" {
  ssh {
    host     = "M.N.lab."
    user     = "u"
    password = "p"
  }
}
check "smtp" {
  smtp {
    host     = "m"
    security = "tls"
  }
}
check "tls" {
  tls {
    host     = "m"
    starttls = "ldap"
  }
}
check "performance" {
  performance { url = "http://m/" }
}`, hcl.Options{})
	var got []lab.CheckSpec
	for _, c := range l.Checks {
		got = append(got, c.Spec)
	}
	want := []lab.CheckSpec{
		&lab.SSHCheck{Server: lab.Server{Host: "M.N.lab.", Port: 22, Security: lab.Plain, User: "u", Password: "p"}},
		&lab.SMTPCheck{Server: lab.Server{Host: "m", Port: 465, Security: lab.TLS}},
		&lab.TLSCheck{Server: lab.Server{Host: "m", Port: 389, Security: lab.StartTLS}, StartTLS: "ldap", Name: "m"},
		&lab.PerformanceCheck{URL: "http://m/", Samples: 5, Factor: 2, Slack: 200e6},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("checks (-want +got):\n%s", diff)
	}
}
