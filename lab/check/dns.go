package check

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/patchlab/patchlab/lab"
)

// name asks a name server over TCP. Where the definition asserts no answers
// there must be one all the same: a name without a record does not resolve.
func name(ctx context.Context, s *lab.DNSCheck, at place) finding {
	query, err := question(s)
	if err != nil {
		return finding{err: err}
	}
	c, err := dial(ctx, at, serverAddr(s.Server, at.DNS))
	if err != nil {
		return finding{err: err}
	}
	defer func() { _ = c.Close() }()
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	// Its own limits are shorter than an emulated machine may need: ctx's hold.
	patient := &dns.Client{ReadTimeout: time.Hour, WriteTimeout: time.Hour}
	answer, _, err := patient.ExchangeWithConnContext(ctx, query, &dns.Conn{Conn: c})
	if err != nil {
		return finding{err: fmt.Errorf("no answer from the name server: %w", err)}
	}
	f := finding{evidence: answer.String()}
	f.judge(s, query.Question[0], answer)
	return f
}

func question(s *lab.DNSCheck) (*dns.Msg, error) {
	kind, ok := dns.StringToType[strings.ToUpper(orDefault(s.Type, "A"))]
	if !ok {
		return nil, fmt.Errorf("unknown record type %q", s.Type)
	}
	asked := dns.Fqdn(s.Name)
	if a, err := netip.ParseAddr(s.Name); err == nil && kind == dns.TypePTR {
		if asked, err = dns.ReverseAddr(a.String()); err != nil {
			return nil, err
		}
	}
	return new(dns.Msg).SetQuestion(asked, kind), nil
}

// serverAddr is server with port 53 unless it has one, or the place's own.
func serverAddr(server string, own netip.AddrPort) string {
	if server == "" {
		return own.String()
	}
	if _, _, err := net.SplitHostPort(server); err == nil {
		return server
	}
	return net.JoinHostPort(strings.Trim(server, "[]"), "53")
}

// judge compares the answer with what is wanted.
func (f *finding) judge(s *lab.DNSCheck, asked dns.Question, answer *dns.Msg) {
	got := records(answer, asked.Qtype)
	code := dns.RcodeToString[answer.Rcode]
	f.seen = fmt.Sprintf("%s, %s", code, strings.Join(got, ", "))
	if want := strings.ToUpper(orDefault(s.Rcode, "NOERROR")); code != want {
		f.faults = append(f.faults, fmt.Sprintf("answer %s, want %s", orDefault(code, strconv.Itoa(answer.Rcode)), want))
		return
	}
	if !answer.Response || answer.Truncated || !sameQuestion(asked, answer.Question) {
		f.faults = append(f.faults, "the name server's answer is not a whole answer to the question")
		return
	}
	switch want := normal(s.Answers, asked.Qtype); {
	case s.Answers == nil && len(got) == 0 && answer.Rcode == dns.RcodeSuccess:
		f.faults = append(f.faults, fmt.Sprintf("%s has no %s record", s.Name, dns.TypeToString[asked.Qtype]))
	case s.Answers != nil && !slices.Equal(got, want):
		f.faults = append(f.faults, fmt.Sprintf("answers %s, want %s", list(got), list(want)))
	}
}

func sameQuestion(asked dns.Question, got []dns.Question) bool {
	return len(got) == 1 && got[0].Qtype == asked.Qtype && strings.EqualFold(got[0].Name, asked.Name)
}

// records are the records of the type that was asked for, sorted. Aliases on
// the way to them are not among them.
func records(answer *dns.Msg, kind uint16) (texts []string) {
	for _, rr := range answer.Answer {
		if rr.Header().Rrtype == kind {
			texts = append(texts, recordText(rr))
		}
	}
	return normal(texts, kind)
}

// recordText is a record's value as it is written in a zone file; the parts
// of a TXT record are joined.
func recordText(rr dns.RR) string {
	if t, ok := rr.(*dns.TXT); ok {
		return strings.Join(t.Txt, "")
	}
	return strings.TrimPrefix(rr.String(), rr.Header().String())
}

// normal makes records comparable and sorts them. The text of a TXT record
// must be the same to the letter; of the others each part is compared without
// case and quotes, names without their last dot, addresses in their shortest
// form, and the data of a TLSA record without the white space in it.
func normal(texts []string, kind uint16) []string {
	out := make([]string, 0, len(texts))
	for _, s := range texts {
		if kind != dns.TypeTXT {
			s = normalParts(strings.Fields(strings.ToLower(s)), kind)
		}
		if a, err := netip.ParseAddr(s); err == nil {
			s = a.String()
		}
		out = append(out, s)
	}
	slices.Sort(out)
	return out
}

func normalParts(parts []string, kind uint16) string {
	if kind == dns.TypeTLSA && len(parts) > 4 {
		parts = append(parts[:3:3], strings.Join(parts[3:], ""))
	}
	for i, p := range parts {
		p = strings.Trim(p, `"`)
		if p != "." {
			p = strings.TrimSuffix(p, ".")
		}
		parts[i] = p
	}
	return strings.Join(parts, " ")
}

func list(texts []string) string {
	if len(texts) == 0 {
		return "none"
	}
	return strings.Join(texts, ", ")
}

func orDefault(s, d string) string {
	if s == "" {
		return d
	}
	return s
}
