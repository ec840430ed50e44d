package notify

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"
)

const (
	tries          = 3
	firstPause     = time.Second // before the second try; four times that before the third
	defaultTimeout = 30 * time.Second
)

// Send sends m to each target whose occasion it is, at the same time. What a
// broken connection, a status of 500 and above, or 429 kept back is tried up
// to three times: a message can so, rarely, come twice. Mail is given to
// sendmail once, which queues it. The error joins one for each target that
// failed, by its Name and without secrets; the others have got it.
func (n *Notifier) Send(ctx context.Context, m Message) error {
	clean := m.redacted(n.redact)
	errs := make([]error, len(n.Targets))
	var wg sync.WaitGroup
	for i, t := range n.Targets {
		if !m.concerns(t.When) {
			continue
		}
		wg.Go(func() {
			if err := n.sendTo(ctx, t, clean); err != nil {
				errs[i] = fmt.Errorf("cannot notify %s (target %d of %d): %w",
					n.redact(t.Name()), i+1, len(n.Targets), err)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (n *Notifier) redact(s string) string {
	if n.Redact == nil {
		return s
	}
	return n.Redact(s)
}

// sendTo sends m to one target. Errors are without secrets.
func (n *Notifier) sendTo(ctx context.Context, t Target, m Message) error {
	if err := t.check(); err != nil {
		return err
	}
	u, err := url.Parse(t.URL)
	if err != nil {
		return errors.New("its URL cannot be read")
	}
	limit := n.Timeout
	if limit <= 0 {
		limit = defaultTimeout
	}
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	f := retry(limited, func(ctx context.Context) *failure { return n.once(ctx, u, m) })
	switch {
	case f == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err() // interrupted
	case limited.Err() != nil:
		return fmt.Errorf("%s, and no more time after %s", f.text, limit)
	}
	return f
}

// once sends m to one target, once.
func (n *Notifier) once(ctx context.Context, u *url.URL, m Message) *failure {
	switch {
	case u.Scheme == mailScheme:
		return n.sendMail(ctx, u, m)
	case strings.HasPrefix(u.Scheme, webhookPrefix):
		return sendWebhook(ctx, u, m)
	}
	return sendService(ctx, u, m)
}

// retry calls send until it succeeds, fails for good, or has failed three
// times, with pauses of 1 s and 4 s, or until ctx ends.
func retry(ctx context.Context, send func(context.Context) *failure) *failure {
	pause := firstPause
	for n := 1; ; n++ {
		f := send(ctx)
		if f == nil || !f.again || n == tries {
			return f
		}
		wait := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			wait.Stop()
			return f
		case <-wait.C:
		}
		pause *= 4
	}
}
