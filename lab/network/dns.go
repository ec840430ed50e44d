package network

import (
	"net/netip"
	"strings"

	"github.com/miekg/dns"
)

const (
	nameTTL     = 60 // seconds
	negativeTTL = 5  // seconds
	maxUDPReply = 1232
)

// resolver answers DNS requests on one network.
type resolver struct {
	zone    *zone
	gateway *gateway
	egress  *egressLog
}

// answer returns the answer to a request, nil when there must be none. UDP
// answers are cut to what the client takes.
func (r *resolver) answer(request []byte, client netip.Addr, udp bool) []byte {
	var req dns.Msg
	if len(request) < 12 || request[2]&0x80 != 0 {
		return nil // no header, or no request
	}
	resp := new(dns.Msg)
	size := dns.MinMsgSize
	if err := req.Unpack(request); err != nil {
		resp.SetRcodeFormatError(&req)
	} else {
		r.respond(resp, &req, client)
		if opt := req.IsEdns0(); opt != nil {
			size = min(max(dns.MinMsgSize, int(opt.UDPSize())), maxUDPReply)
		}
	}
	if !udp {
		size = dns.MaxMsgSize
	}
	resp.Compress = true
	resp.Truncate(size)
	wire, err := resp.Pack()
	if err != nil {
		failure := new(dns.Msg)
		failure.Id, failure.Response, failure.Rcode = req.Id, true, dns.RcodeServerFailure
		wire, _ = failure.Pack() // a header alone always packs
	}
	return wire
}

// respond fills in the answer to a request that could be read.
func (r *resolver) respond(resp, req *dns.Msg, client netip.Addr) {
	resp.SetReply(req)
	resp.RecursionAvailable = true // some clients drop servers that don't say so
	if opt := req.IsEdns0(); opt != nil {
		resp.SetEdns0(maxUDPReply, false)
		if opt.Version() != 0 {
			resp.Rcode = dns.RcodeBadVers
			return
		}
	}
	switch {
	case req.Opcode != dns.OpcodeQuery:
		resp.Rcode = dns.RcodeNotImplemented
	case len(req.Question) != 1:
		resp.Rcode = dns.RcodeFormatError
	case req.Question[0].Qclass != dns.ClassINET, transfer(req.Question[0].Qtype):
		resp.Rcode = dns.RcodeRefused
	default:
		r.query(resp, req.Question[0], client)
	}
}

func transfer(qtype uint16) bool { return qtype == dns.TypeAXFR || qtype == dns.TypeIXFR }

// query answers one question about the Internet class.
func (r *resolver) query(resp *dns.Msg, q dns.Question, client netip.Addr) {
	name := strings.ToLower(q.Name)
	if a := arpaAddr(name); a.IsValid() {
		if host, g := r.zone.reverse(a); g != nil {
			r.answerReverse(resp, q, host, g)
			return
		}
	}
	stations, exists := r.zone.lookup(r.gateway, name)
	apex := r.zone.apex(r.gateway, name)
	if !exists && (apex == nil || name != apex.domain()) {
		resp.Rcode = dns.RcodeNameError
	}
	if apex == nil && !exists {
		r.record(name, client)
		return
	}
	resp.Authoritative = true
	if q.Qtype == dns.TypeA || q.Qtype == dns.TypeANY {
		for _, s := range stations {
			resp.Answer = append(resp.Answer, &dns.A{Hdr: head(q.Name, dns.TypeA), A: s.address().AsSlice()})
		}
	}
	if apex == nil {
		apex = stations[0].gateway // of a single label
	}
	if name == apex.domain() {
		r.answerApex(resp, q, apex)
	}
	if len(resp.Answer) == 0 {
		resp.Ns = append(resp.Ns, soa(apex, apex.domain()))
	}
}

// answerApex answers what only a domain itself has.
func (r *resolver) answerApex(resp *dns.Msg, q dns.Question, g *gateway) {
	if q.Qtype == dns.TypeSOA || q.Qtype == dns.TypeANY {
		resp.Answer = append(resp.Answer, soa(g, q.Name))
	}
	if q.Qtype == dns.TypeNS || q.Qtype == dns.TypeANY {
		resp.Answer = append(resp.Answer, &dns.NS{Hdr: head(q.Name, dns.TypeNS), Ns: g.qualify("gateway")})
	}
}

// answerReverse answers for an address of the lab.
func (r *resolver) answerReverse(resp *dns.Msg, q dns.Question, host string, g *gateway) {
	resp.Authoritative = true
	switch {
	case host == "":
		resp.Rcode = dns.RcodeNameError
	case q.Qtype == dns.TypePTR || q.Qtype == dns.TypeANY:
		resp.Answer = append(resp.Answer, &dns.PTR{Hdr: head(q.Name, dns.TypePTR), Ptr: host})
		return
	}
	resp.Ns = append(resp.Ns, soa(g, q.Name))
}

// record notes a name outside the lab.
func (r *resolver) record(name string, client netip.Addr) {
	if name != "." {
		name = strings.TrimSuffix(name, ".")
	}
	r.egress.record(r.gateway.machineOf(mac{}, client), client, "dns", name)
}

func head(name string, rrtype uint16) dns.RR_Header {
	return dns.RR_Header{Name: name, Rrtype: rrtype, Class: dns.ClassINET, Ttl: nameTTL}
}

// soa says that g's network is the authority for a name, and how long what
// does not exist may be remembered.
func soa(g *gateway, owner string) dns.RR {
	return &dns.SOA{
		Hdr: dns.RR_Header{Name: owner, Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: negativeTTL},
		Ns:  g.qualify("gateway"), Mbox: "hostmaster." + g.domain(),
		Serial: 1, Refresh: 3600, Retry: 600, Expire: 86400, Minttl: negativeTTL,
	}
}
