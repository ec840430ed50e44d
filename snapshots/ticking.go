package snapshots

import (
	"fmt"
	"sync"
	"time"

	"github.com/patchlab/patchlab/lab"
)

// tickEvery is how often long work says that it still goes on.
const tickEvery = 10 * time.Second

// ticking runs work while it shows text, with the seconds that it takes.
func ticking(p lab.Progress, text string, work func() error) error {
	p.Step(text)
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		start := time.Now()
		ticker := time.NewTicker(tickEvery)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
				p.Step(fmt.Sprintf("%s (%d s)", text, int(time.Since(start).Seconds())))
			}
		}
	})
	err := work()
	close(done)
	wg.Wait()
	return err
}
