package dashboard

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"pileus/collator"
	"pileus/pipeline"
	"pileus/primitives"
)

// note is what a line of the log is made of. Notes with the same key in a row are one line.
type note struct{ key, tone, text, more string }

// words says an event in plain words; false if it belongs to the daily round.
func words(e pipeline.Event) (note, bool) {
	switch e := e.(type) {
	case pipeline.Dropped:
		return note{"dropped " + e.Reason, "bad", fmt.Sprintf("Block #%d of %s was dropped: %s", e.Number, e.Collator, pipeline.Meaning(e.Reason)), e.Detail}, true
	case pipeline.Refused:
		return note{"refused " + e.Collator + e.Reason + e.Cause, "bad",
			fmt.Sprintf("%s could not build on relay block #%d: %s", e.Collator, e.RelayParent, pipeline.Meaning(e.Reason)), e.Cause}, true
	case pipeline.Passed:
		if e.Reason == string(collator.NotOurSlot) || e.Reason == string(collator.SameRelayParent) {
			return note{}, false
		}
		return note{"passed " + e.Reason, "warn", fmt.Sprintf("%s made no attempt on relay block #%d: %s", e.Collator, e.RelayParent, pipeline.Meaning(e.Reason)), e.Detail}, true
	case pipeline.Declined:
		if daily[e.Reason] {
			return note{}, false
		}
		return note{"declined " + e.Reason, "warn", fmt.Sprintf("Validator %d turned block #%d down: %s", e.Validator, e.Number, e.Reason), e.Detail}, true
	case pipeline.TimedOut:
		return note{"timeout", "bad", fmt.Sprintf("Block #%d was backed in relay block #%d but did not become available in time", e.Number, e.BackedIn), ""}, true
	case pipeline.RelayReorg:
		return note{"relay fork", "warn", fmt.Sprintf("Relay fork: the branch up to #%d is left for one up to #%d; both have #%d", e.From, e.To, e.Base),
			"parachain blocks whose relay parent was left must be made anew"}, true
	case pipeline.SlotMissed:
		return note{"missed", "warn", fmt.Sprintf("Relay slot %d passed without a block", e.Slot), e.Why}, true
	case pipeline.InherentDropped:
		return note{"inherent " + e.What + e.Why, "warn", fmt.Sprintf("The author of relay block #%d left out a %s", e.Relay, e.What), e.Why}, true
	case pipeline.TransactionRefused:
		return note{"transaction " + e.Cause, "warn", "A transaction was refused", e.Cause}, true
	case pipeline.SessionChanged:
		return note{"session", "quiet", fmt.Sprintf("Session %d begins after relay block #%d", e.Session, e.Relay), ""}, true
	case pipeline.Upgrade:
		return note{"upgrade " + e.Step, "good", fmt.Sprintf("Code upgrade, relay block #%d: %s", e.Relay, e.Step), "code " + e.Code.String()}, true
	case pipeline.CodeApplied:
		return note{"code", "good", fmt.Sprintf("New code is in force after block #%d", e.Number), "code " + e.Code.String()}, true
	}
	return note{}, false
}

// daily are refusals of validators that come of the order in which messages happen to arrive.
var daily = map[string]bool{"SecondedLimitReached": true, "DuplicateAdvertisement": true, "FetchFailed": true, "SchedulingParentOutOfWindow": true,
	"SchedulingParentNotInView": true, "SecondingLimitReached": true}

// short cuts a text from a runtime to what a page can show.
func short(s string) string {
	s = strings.ToValidUTF8(s, "�")
	if len(s) <= maxText {
		return s
	}
	s = s[:maxText]
	for !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s + "…"
}

// stalledAfter is how many relay slots without an inclusion are called a stall.
const stalledAfter = 8

// verdict says how the chain does at present.
func (b *Board) verdict(now int64) Verdict {
	const slot = primitives.RelaySlotMillis
	p := &b.p
	switch {
	case len(p.Relay) == 0:
		return Verdict{"quiet", "Waiting for the first relay block", ""}
	case p.Totals.Authored == 0:
		if b.lastTrouble.text != "" && now-b.began > 3*slot {
			return Verdict{"bad", "No block so far: every attempt comes to nothing", b.lastTrouble.text + colon(b.lastTrouble.more)}
		}
		return Verdict{"quiet", "Waiting for the first parachain block", ""}
	}
	if b.idle >= stalledAfter {
		v := Verdict{"bad", fmt.Sprintf("Stalled: no block included for %d relay slots", b.idle), ""}
		if b.lastTrouble.text != "" {
			v.More = b.lastTrouble.text + colon(b.lastTrouble.more)
		}
		return v
	}
	var times []int64
	dropped, settled := 0, 0
	for i := len(p.Blocks) - 1; i >= 0 && settled < 3*longestHistory; i-- {
		switch x := &p.Blocks[i]; x.Stage {
		case StageIncluded:
			if len(times) < longestHistory {
				times = append(times, x.At[StageIncluded])
			}
			settled++
		case StageDropped:
			dropped++
			settled++
		}
	}
	if len(times) == 0 {
		return Verdict{"quiet", "First blocks are on their way", "From authoring to inclusion a block takes about two relay slots"}
	}
	v := Verdict{Tone: "good", Text: "First block included"}
	if mean := meanGap(times); mean > 0 {
		v.Text = fmt.Sprintf("A block every %.1f\u00a0s", mean/1000)
		if speed := slot / p.Clock.SlotMs; p.Clock.SlotMs > 0 && p.Clock.SlotMs != slot {
			v.More = fmt.Sprintf("in the network's own time, which passes %.3g times as fast as the wall clock's", speed)
		}
	}
	if dropped == 0 {
		v.Text += ", nothing dropped"
	} else {
		v.Tone, v.Text = "warn", fmt.Sprintf("%s, %d of the last %d dropped", v.Text, dropped, settled)
		v.More = b.lastDrop.text
	}
	return v
}

// meanGap is the mean of the times between inclusions, the newest first, in ms. Where the
// clock was put forward nothing is to be learned.
func meanGap(times []int64) float64 {
	sum, n := 0.0, 0
	for i := 1; i < len(times); i++ {
		if gap := times[i-1] - times[i]; gap < 2*stalledAfter*primitives.RelaySlotMillis {
			sum += float64(gap)
			n++
		}
	}
	return sum / float64(max(n, 1))
}

func colon(s string) string {
	if s == "" {
		return ""
	}
	return ": " + s
}
