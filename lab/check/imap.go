package check

import (
	"context"
	"fmt"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"github.com/patchlab/patchlab/lab"
)

// lookAgain is how long to wait before looking for a message again.
const lookAgain = 500 * time.Millisecond

// imapCheck logs in and opens a mailbox for reading.
func imapCheck(ctx context.Context, s *lab.IMAPCheck, at place) finding {
	return inMailbox(ctx, at, s.Server, s.Mailbox, true, func(_ context.Context, _ *session, _ *imapclient.Client, messages uint32) finding {
		f := finding{seen: fmt.Sprintf("mailbox %s opened", orDefault(s.Mailbox, "INBOX")), evidence: fmt.Sprintf("messages: %d\n", messages)}
		f.expectNumber("", s.Messages, float64(messages), "messages")
		return f
	})
}

// inMailbox has do work in a mailbox, with the number of messages there.
// Without a user it only hears the greeting, and do is not called.
func inMailbox(ctx context.Context, at place, s lab.Server, mailbox string, readOnly bool, do func(context.Context, *session, *imapclient.Client, uint32) finding) finding {
	return talk(ctx, at, s, portOf(s, 143, 993), func(ctx context.Context, c *session) finding {
		c.limit(maxMailTalk)
		conn, err := protect(ctx, c, s, "imap")
		if err != nil {
			return finding{err: err}
		}
		client := imapclient.New(conn, nil)
		defer func() {
			_ = c.Close() // first, so that no farewell waits for a silent server
			_ = client.Close()
		}()
		if err := client.WaitGreeting(); err != nil {
			return finding{err: fmt.Errorf("the server does not greet: %w", err)}
		}
		if s.User == "" {
			return finding{seen: c.addr + " greets"}
		}
		if err := client.Login(s.User, s.Password).Wait(); err != nil {
			return finding{err: fmt.Errorf("cannot log in as %s: %w", s.User, err)}
		}
		mailbox := orDefault(mailbox, "INBOX")
		box, err := client.Select(mailbox, &imap.SelectOptions{ReadOnly: readOnly}).Wait()
		if err != nil {
			return finding{err: fmt.Errorf("cannot open mailbox %s: %w", mailbox, err)}
		}
		return do(ctx, c, client, box.NumMessages)
	})
}

// arrives waits for the message with a token, and removes it.
func arrives(ctx context.Context, d *lab.Delivery, token string, at place) finding {
	where := fmt.Sprintf("mailbox %s of %s", orDefault(d.Mailbox, "INBOX"), d.User)
	f := inMailbox(ctx, at, d.Server, d.Mailbox, false, func(ctx context.Context, c *session, client *imapclient.Client, _ uint32) finding {
		for {
			c.limit(maxMailTalk)
			found, err := look(client, token)
			if err != nil {
				return finding{err: err}
			}
			if len(found) > 0 {
				return finding{seen: "arrived in " + where, err: remove(client, found)}
			}
			select {
			case <-ctx.Done():
				return finding{err: context.Cause(ctx)}
			case <-time.After(lookAgain):
			}
		}
	})
	if !f.passed() && f.seen == "" {
		f.fault("the message was accepted, but was not seen in %s", where)
	}
	return f
}

// look returns the messages with token in their subject.
func look(client *imapclient.Client, token string) ([]imap.UID, error) {
	if err := client.Noop().Wait(); err != nil { // hears of new messages
		return nil, fmt.Errorf("cannot look for the message: %w", err)
	}
	subject := imap.SearchCriteriaHeaderField{Key: "Subject", Value: token}
	found, err := client.UIDSearch(&imap.SearchCriteria{Header: []imap.SearchCriteriaHeaderField{subject}}, nil).Wait()
	if err != nil {
		return nil, fmt.Errorf("cannot look for the message: %w", err)
	}
	return found.AllUIDs(), nil
}

func remove(client *imapclient.Client, found []imap.UID) error {
	set := imap.UIDSetNum(found...)
	flags := &imap.StoreFlags{Op: imap.StoreFlagsAdd, Silent: true, Flags: []imap.Flag{imap.FlagDeleted}}
	if err := client.Store(set, flags, nil).Close(); err != nil {
		return fmt.Errorf("the message arrived, but cannot be deleted: %w", err)
	}
	expunge := client.Expunge
	if client.Caps().Has(imap.CapUIDPlus) {
		expunge = func() *imapclient.ExpungeCommand { return client.UIDExpunge(set) }
	}
	if err := expunge().Close(); err != nil {
		return fmt.Errorf("the message arrived, but cannot be deleted: %w", err)
	}
	return nil
}
