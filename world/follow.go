package world

import (
	"context"
	"math"
	"sync"
	"time"
)

// Clock says how far a followed world may go: what it shows, everything up to that may
// happen. It goes speed times as fast as the wall clock, or stands still, and can be put
// forward. It is changed from callbacks or posted functions only.
//
//	virtual │            ╱ SetSpeed(1)
//	        │      ┌────╱
//	        │      │ Advance
//	        │   ╱──┘ SetSpeed(0)
//	        │  ╱  speed 1
//	        └────────────────── wall clock
type Clock struct {
	shows time.Duration // virtual time since the Unix epoch, at the moment since
	since time.Time
	speed float64

	// Late is told of everything that happened on the clock's own time how much later than
	// due it did, by the wall clock; nil: not told.
	Late func(late time.Duration)
	// Shifted is told when the world had fallen so far behind the clock, see MaxLate, that
	// the clock was put back to it.
	Shifted func(by time.Duration)
	// MaxLate is how far behind, by the wall clock, the world may fall; 0: any time.
	MaxLate time.Duration
}

// forever is beyond all that ever happens.
const forever = time.Duration(math.MaxInt64)

// NewClock returns a clock that shows a virtual time and stands still.
func NewClock(shows time.Duration) *Clock { return &Clock{shows: shows, since: time.Now()} }

// Shows is the virtual time that the clock shows.
func (c *Clock) Shows() time.Duration { return c.at(time.Now()) }

func (c *Clock) at(wall time.Time) time.Duration {
	return c.shows + time.Duration(float64(wall.Sub(c.since))*c.speed)
}

// Speed is how much virtual time passes per time of the wall clock; 0 if it stands still.
func (c *Clock) Speed() float64 { return c.speed }

// SetSpeed lets the clock go on at another speed; 0 stops it.
func (c *Clock) SetSpeed(speed float64) {
	wall := time.Now()
	c.shows, c.since, c.speed = c.at(wall), wall, max(0, speed)
}

// Advance puts the clock forward to t; it is never put back.
func (c *Clock) Advance(t time.Duration) {
	wall := time.Now()
	c.shows, c.since = max(t, c.at(wall)), wall
}

// due is the moment of the wall clock at which the clock shows t; false if it never does.
func (c *Clock) due(t time.Duration) (time.Time, bool) {
	switch {
	case t <= c.shows:
		return c.since, true
	case c.speed == 0:
		return time.Time{}, false
	}
	wall := float64(t-c.shows) / c.speed
	if wall > float64(100*365*24*time.Hour) {
		return time.Time{}, false
	}
	return c.since.Add(time.Duration(wall)), true
}

// note measures how late something happens that was due at t.
func (c *Clock) note(t time.Duration) {
	if t <= c.shows || c.speed == 0 {
		return
	}
	due, _ := c.due(t)
	late := max(0, time.Since(due))
	if c.Late != nil {
		c.Late(late)
	}
	if c.MaxLate > 0 && late > c.MaxLate {
		c.since = c.since.Add(late)
		if c.Shifted != nil {
			c.Shifted(late)
		}
	}
}

// Follow lets the world go on as far as the clock says until ctx ends, whose error it
// returns. It goes through the queue in the same order as [World.Run]: what is late because
// a job took longer than its cost happens late, but at its own virtual time.
func (w *World) Follow(ctx context.Context, c *Clock) error {
	w.ctx = ctx
	defer w.drain()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		w.collect()
		w.serve(min(c.Shows(), w.horizon()))
		if err := ctx.Err(); err != nil {
			return err
		}
		wait := time.Hour
		if len(w.queue) > 0 && !w.waitsFor(w.queue[0].at) {
			if due, ever := c.due(w.queue[0].at); ever {
				if wait = time.Until(due); wait <= 0 {
					c.note(w.queue[0].at)
					w.pop()
					continue
				}
			}
		}
		timer.Reset(wait)
		select {
		case <-timer.C:
		case r := <-w.results:
			w.take(r)
		case <-w.raised:
		case <-w.inbox.wake:
		case <-ctx.Done():
		}
	}
}

// collect takes the results that are there.
func (w *World) collect() {
	for {
		select {
		case r := <-w.results:
			w.take(r)
		default:
			return
		}
	}
}

// horizon is how far the clock may go before the next thing happens.
func (w *World) horizon() time.Duration {
	h := forever
	if len(w.queue) > 0 {
		h = w.queue[0].at
	}
	for _, r := range w.jobs {
		h = min(h, r.earliest())
	}
	return h
}

// inbox holds what is posted from other goroutines.
type inbox struct {
	mu   sync.Mutex
	list []func()
	wake chan struct{}
}

// Take lets what is posted to another world, which is not driven any more, happen in this one.
func (w *World) Take(from *World) { w.inbox = from.inbox }

// Post lets f happen between two callbacks while the world is driven, at the virtual time
// of that moment. It may be called from any goroutine, at any time.
func (w *World) Post(f func()) {
	w.inbox.mu.Lock()
	w.inbox.list = append(w.inbox.list, f)
	w.inbox.mu.Unlock()
	select {
	case w.inbox.wake <- struct{}{}:
	default:
	}
}

// serve lets happen what was posted, at time t or, if that is past, now.
func (w *World) serve(t time.Duration) {
	w.inbox.mu.Lock()
	list := w.inbox.list
	w.inbox.list = nil
	w.inbox.mu.Unlock()
	if len(list) == 0 {
		return
	}
	w.now = max(w.now, t)
	for _, f := range list {
		f()
	}
}
