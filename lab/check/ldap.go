package check

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"github.com/patchlab/patchlab/lab"
)

// maxEntries is how many entries are asked for: nobody counts more by hand.
const maxEntries = 10_000

// ldapCheck binds and searches.
func ldapCheck(ctx context.Context, s *lab.LDAPCheck, at place) finding {
	return talk(ctx, at, s.Server, portOf(s.Server, 389, 636), func(ctx context.Context, c *session) finding {
		conn, err := protect(ctx, c, s.Server, "ldap")
		if err != nil {
			return finding{err: err}
		}
		client := ldap.NewConn(&berConn{Conn: conn}, s.Security != "" && s.Security != lab.Plain)
		client.Start()
		defer func() { _ = client.Close() }()
		// Closing the connection ends a bind or search only when it is noticed:
		// whoever waits for the answer is told so by Close.
		defer context.AfterFunc(ctx, func() { _ = client.Close() })()
		f := finding{seen: "bound anonymously"}
		if s.User == "" {
			err = client.UnauthenticatedBind("")
		} else {
			f.seen = "bound as " + s.User
			_, err = client.SimpleBind(&ldap.SimpleBindRequest{Username: s.User, Password: s.Password, AllowEmptyPassword: true})
		}
		if err != nil {
			return finding{err: fmt.Errorf("cannot bind: %w", err)}
		}
		if s.Base != "" {
			f.search(client, s)
		}
		return f
	})
}

var scopes = map[string]int{"": ldap.ScopeWholeSubtree, "sub": ldap.ScopeWholeSubtree, "one": ldap.ScopeSingleLevel, "base": ldap.ScopeBaseObject}

func (f *finding) search(client *ldap.Conn, s *lab.LDAPCheck) {
	scope, ok := scopes[s.Scope]
	if !ok {
		f.err = fmt.Errorf("unknown scope %q", s.Scope)
		return
	}
	attributes := slices.Sorted(maps.Keys(s.Attributes))
	if len(attributes) == 0 {
		attributes = []string{"1.1"} // none: RFC 4511, section 4.5.1.8
	}
	request := ldap.NewSearchRequest(s.Base, scope, ldap.NeverDerefAliases, maxEntries, 0, false,
		orDefault(s.Filter, "(objectClass=*)"), attributes, nil)
	found, err := client.Search(request)
	switch {
	case ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject):
		found = &ldap.SearchResult{}
		f.evidence = "there is no " + s.Base
	case err != nil && found != nil && ldap.IsErrorWithCode(err, ldap.LDAPResultSizeLimitExceeded):
		f.faults = append(f.faults, "the server does not give all entries: "+err.Error())
	case err != nil:
		f.err = fmt.Errorf("cannot search %s: %w", s.Base, err)
		return
	case found == nil:
		f.err = errors.New("the server gave no result")
		return
	}
	f.judgeEntries(s, found.Entries)
}

// judgeEntries compares what was found with what is wanted.
func (f *finding) judgeEntries(s *lab.LDAPCheck, entries []*ldap.Entry) {
	entryRange := s.Entries
	if entryRange.IsZero() {
		one := 1.0
		entryRange.Min = &one
	}
	f.expectNumber("", entryRange, float64(len(entries)), "entries")
	f.evidence += entriesText(entries)
	for _, name := range slices.Sorted(maps.Keys(s.Attributes)) {
		f.expectValue(name, s.Attributes[name], entries)
	}
}

// expectValue wants one value of one entry that matches.
func (f *finding) expectValue(name string, m lab.Match, entries []*ldap.Entry) {
	if m.IsZero() {
		return
	}
	var all []string
	for _, e := range entries {
		for _, v := range e.GetEqualFoldRawAttributeValues(name) {
			if ok, _ := Match(m, v); ok {
				f.seen += ", " + name + " " + describe(m)
				return
			}
			all = append(all, quoted(string(v)))
		}
	}
	if len(all) == 0 {
		f.fault("no entry has the attribute %s", name)
		return
	}
	f.fault("no value of %s %s: there is %s", name, describe(m), lab.Printable(strings.Join(all, ", "), 200))
}

// entriesText is the entries as far as the evidence has room.
func entriesText(entries []*ldap.Entry) string {
	var b strings.Builder
	for _, e := range entries {
		if b.Len() > maxEvidence {
			break
		}
		fmt.Fprintf(&b, "dn: %s\n", e.DN)
		for _, a := range e.Attributes {
			for _, v := range a.Values {
				fmt.Fprintf(&b, "%s: %s\n", a.Name, lab.Printable(v, 200))
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}
