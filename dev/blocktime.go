package dev

import (
	"fmt"
	"time"
)

// relaySlot is the length of a relay slot in the world's own time.
const relaySlot = 6 * time.Second

// BlockTime says how relay slots follow each other by the wall clock. The zero value is
// that of a real network, 6 s.
type BlockTime struct {
	Mode     Mode
	Interval time.Duration // Interval mode: wall-clock time of a relay slot
}

// Mode is how the world's clock moves.
type Mode uint8

// The modes.
const (
	// Interval: it goes 6 s / Interval times as fast as the wall clock.
	Interval Mode = iota
	// Manual: it stands still but for what dev_newBlock and the like ask for.
	Manual
	// Instant: it stands still until there is a transaction, and goes on until that is included and final.
	Instant
)

// ParseBlockTime reads "manual", "instant" or a duration of a relay slot from 50 ms to 60 s.
func ParseBlockTime(s string) (BlockTime, error) {
	switch s {
	case "manual":
		return BlockTime{Mode: Manual}, nil
	case "instant":
		return BlockTime{Mode: Instant}, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 50*time.Millisecond || d > time.Minute {
		return BlockTime{}, fmt.Errorf("block time %q: give a duration from 50ms to 1m, manual or instant", s)
	}
	return BlockTime{Interval: d}, nil
}

// String is the form that [ParseBlockTime] reads.
func (b BlockTime) String() string {
	switch b.Mode {
	case Manual:
		return "manual"
	case Instant:
		return "instant"
	}
	return b.interval().String()
}

// Describe says in a few words what that means.
func (b BlockTime) Describe() string {
	switch {
	case b.Mode == Manual:
		return "manual: the clock stands but for what is asked for"
	case b.Mode == Instant:
		return "instant: relay slots pass while a transaction is not final"
	case b.interval() == relaySlot:
		return "a relay slot per 6s"
	}
	return fmt.Sprintf("a relay slot per %v: the whole world's clock goes %.4g times as fast", b.interval(), b.speed())
}

func (b BlockTime) interval() time.Duration {
	if b.Interval == 0 {
		return relaySlot
	}
	return b.Interval
}

// speed is how much of the world's time passes per time of the wall clock.
func (b BlockTime) speed() float64 {
	if b.Mode != Interval {
		return 0
	}
	return float64(relaySlot) / float64(b.interval())
}
