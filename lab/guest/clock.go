package guest

import (
	"fmt"
	"time"
)

// clock is how a machine's clock is being set from here. The zero value is
// ready for use.
type clock struct {
	lead   time.Duration // added to the time that is sent, for what setting takes
	whole  bool          // the machine only takes whole seconds
	asked  bool          // an answer is due
	rounds int           // how often a time was sent

	sent  time.Time // when
	value time.Time // what
}

// pause is how long to wait before sending: a machine that takes only whole
// seconds is sent the time when one begins.
func (c *clock) pause(now time.Time) time.Duration {
	if !c.whole {
		return 0
	}
	value := now.Add(c.lead)
	return value.Truncate(time.Second).Add(time.Second).Sub(value)
}

// send is the line to send at now.
func (c *clock) send(now time.Time) string {
	c.sent, c.value, c.asked = now, now.Add(c.lead), true
	c.rounds++
	return fmt.Sprintf("%d.%09d\n", c.value.Unix(), c.value.Nanosecond())
}

// offset is how far the machine is ahead, give or take unsure, when its
// answer guest, read from a clock that counts in units, arrived at the time
// at. Whole tells that only the seconds were set. The next send makes good
// for it.
func (c *clock) offset(guest time.Time, unit time.Duration, at time.Time, whole bool) (offset, unsure time.Duration) {
	// The clock was read after the time was sent and before the answer came.
	least, most := guest.Sub(at), guest.Add(unit).Sub(c.sent)
	// And it was set after the time was sent, so it cannot be further ahead
	// than that was; unless something else sets it too.
	value := c.value
	if whole {
		value = value.Truncate(time.Second)
	}
	if limit := value.Sub(c.sent); limit >= least {
		most = min(most, limit)
	}
	unsure = (most - least) / 2
	offset = least + unsure
	c.lead = min(max(value.Sub(c.sent)-offset, 0), maxLead)
	c.whole = whole
	c.asked = false
	return offset, unsure
}
