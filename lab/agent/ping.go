package agent

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/patchlab/patchlab/lab/network"
)

// echoes is the answer to a ping.
type echoes struct {
	Answered int           `json:"answered"`
	Fastest  time.Duration `json:"fastest"` // nanoseconds
}

// ping ends with the connection of who asked.
func (a *api) ping(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	from, host := q.Get("network"), q.Get("host")
	if from == "" || host == "" {
		return badRequest("ping needs network and host")
	}
	count, err := strconv.Atoi(q.Get("count"))
	if err != nil || count < 1 || count > network.MaxPings {
		return badRequest("count %q is not a number from 1 to %d", q.Get("count"), network.MaxPings)
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(a.ctx, cancel)()
	answered, fastest, err := a.net.Ping(ctx, from, host, count)
	if err != nil {
		return err
	}
	answer(w, http.StatusOK, echoes{answered, fastest})
	return nil
}

// Ping sends ICMP echo requests to host, a name or an address, from a
// network's gateway: see network.Stack.Ping.
func (c *Client) Ping(ctx context.Context, network, host string, count int) (answered int, fastest time.Duration, err error) {
	var got echoes
	query := url.Values{"network": {network}, "host": {host}, "count": {strconv.Itoa(count)}}
	err = c.call(ctx, http.MethodGet, "/v1/ping?"+query.Encode(), nil, &got)
	return got.Answered, got.Fastest, err
}
