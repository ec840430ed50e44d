package lab

import (
	"errors"
	"strings"
	"testing"
)

func TestRedactor(t *testing.T) {
	l := &Lab{Secrets: []string{"-----BEGIN KEY-----\nc2VjcmV0\n\nabc\n-----END KEY-----", "hunter22", "ab"}}
	redact := l.Redactor()
	for in, want := range map[string]string{
		"password=hunter22;":  "password=(sensitive);",
		"  c2VjcmV0\n":        "  (sensitive)\n", // one line of a key
		"ab is no secret":     "ab is no secret", // too short to be told from text
		"abc neither, in it ": "abc neither, in it ",
	} {
		if got := redact(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
	if got := redact(l.Secrets[0]); strings.Contains(got, "c2VjcmV0") {
		t.Errorf("the whole key became %q", got)
	}
}

func TestRedactError(t *testing.T) {
	redact := (&Lab{Secrets: []string{"hunter22"}}).Redactor()
	cause := errors.New("connection refused")
	sound := &GuestError{Machine: "db", Op: "boot", Err: cause}
	leaky := &GuestError{Machine: "web", Op: "set up", Err: errors.New("psql: hunter22"), Tail: "user=x password=hunter22"}
	err := errors.Join(sound, &HostError{Op: "go on", Err: leaky})
	redactError(err, redact)
	if text := err.Error() + leaky.Tail; strings.Contains(text, "hunter22") {
		t.Errorf("it still says %q", text)
	}
	if !errors.Is(err, cause) {
		t.Error("an error without a secret lost its cause")
	}
	redactError(nil, redact)
}
