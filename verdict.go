package pileus

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"pileus/collator"
	"pileus/pipeline"
	"pileus/primitives"
)

// verdict is the sentence at the top of the report: one per parachain.
func (r *Report) verdict() string {
	var list []string
	for i := range r.Paras {
		s := r.Paras[i].verdict()
		if len(r.Paras) > 1 {
			s = fmt.Sprintf("para %d: %s", r.Paras[i].ID, s)
		}
		list = append(list, s)
	}
	return strings.Join(list, "\n")
}

func (p *ParaReport) verdict() string {
	switch {
	case p.Authored == 0:
		if reason, _ := most(p.Refused); reason != "" {
			return fmt.Sprintf("no block: every attempt was refused (%s: %s)", reason, p.words[reason])
		}
		if reason, _ := most(p.Passed); reason != "" {
			return fmt.Sprintf("no block: the collators passed every relay parent over (%s)", pipeline.Meaning(reason))
		}
		return "no block: nothing was attempted"
	case p.Included == 0:
		return fmt.Sprintf("stalled: %s authored, none included", blocks(p.Authored)) + p.droppedWords()
	}
	s := "one block included"
	if all := spread(p.intervals); all != nil {
		s = fmt.Sprintf("a block every %.1f s", all.Mean/1000)
	}
	s += p.droppedWords()
	refused := 0
	for _, n := range p.Refused {
		refused += n
	}
	if refused > 0 {
		s += fmt.Sprintf("; %s refused", attempts(refused))
	}
	return s
}

func (p *ParaReport) droppedWords() string {
	total := 0
	for _, n := range p.Dropped {
		total += n
	}
	if total == 0 {
		return "; nothing dropped"
	}
	var parts []string
	for _, reason := range byCount(p.Dropped) {
		parts = append(parts, fmt.Sprintf("%d %s", p.Dropped[reason], reason))
	}
	return fmt.Sprintf("; %s dropped (%s)", blocks(total), strings.Join(parts, ", "))
}

// advice is what a person should know about a run in which something went wrong, in the
// words of the guide.
func (p *ParaReport) advice(c *primitives.HostConfiguration, classic bool) (list []string) {
	say := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	timeout := c.ExecutorParams.BackingTimeout()
	if p.declined["Timeout"] > 0 {
		say("Backers time out at %s: %s. The guide's limit for the runtime is 2 s of weight and for the collator an authoring duration of 2000 ms; "+
			"a longer block is authored, but no validator finishes it.", duration(timeout), strings.TrimSuffix(p.words["Timeout"], "."))
	}
	late := p.Dropped[pipeline.DroppedNotBacked] + p.Dropped[pipeline.DroppedParent]
	switch window := windowOf(c, classic); {
	case late == 0 || p.declined["Timeout"] > 0:
	case window == 1 && classic:
		say("An allowed_ancestry_len of 0 lets a candidate be backed only in the very next relay block: author, execute and vote must fit into one 6 s slot. The guide's prerequisites are max_candidate_depth 3 and allowed_ancestry_len 2.")
	case window == 1:
		say("Scheduling lookahead 1 lets a candidate be backed only in the very next relay block: author, execute and vote must fit into one 6 s slot. " +
			"This is worse than the synchronous 12 s of before the guide; its prerequisite is a scheduling lookahead of 3.")
	default:
		say("Candidates were offered but not backed within %d relay blocks of their relay parent.", window)
	}
	for _, reason := range byCount(p.declined) {
		if reason != "Timeout" && !harmless[reason] {
			say("Validators turned %d candidates down: %s%s.", p.declined[reason], reason, inBrackets(p.words[reason]))
		}
	}
	for _, reason := range byCount(p.Refused) {
		say("%s refused, %s: %s", attempts(p.Refused[reason]), pipeline.Meaning(reason), p.words[reason])
	}
	if full := p.Passed[string(collator.SegmentFull)]; full > 0 && full >= p.Authored/4 {
		say("On %s the unincluded segment had no room: it holds at most %s before one must be included. Where blocks of up to 2 s are to come every 6 s, "+
			"the guide's phase 3 sets UNINCLUDED_SEGMENT_CAPACITY to 3 and has the runtime answer AuraUnincludedSegmentApi.", relayParents(full), blocks(slices.Max(p.depths)))
	}
	if s := p.stage(); p.Authored >= 4*len(p.Collators) {
		for _, c := range p.Collators {
			if c.Authored == 0 && s.Interval != nil {
				say("%s authored no block: a block every %.0f s falls into step with the collators' turns.", c.Name, s.Interval.Mean/1000)
			}
		}
	}
	return list
}

// harmless are refusals that belong to a network in which everything is well: they come of
// the order in which messages happen to arrive.
var harmless = map[string]bool{"SecondedLimitReached": true, "DuplicateAdvertisement": true, "FetchFailed": true, "SchedulingParentOutOfWindow": true,
	"SchedulingParentNotInView": true, "SecondingLimitReached": true}

func windowOf(c *primitives.HostConfiguration, classic bool) uint32 {
	if classic {
		return c.AsyncBackingParams.AllowedAncestryLen + 1
	}
	return c.SchedulerParams.Lookahead
}

func attempts(n int) string {
	if n == 1 {
		return "1 attempt was"
	}
	return fmt.Sprintf("%d attempts were", n)
}

func relayParents(n int) string {
	if n == 1 {
		return "1 relay parent"
	}
	return fmt.Sprintf("%d relay parents", n)
}

// duration is one of a few seconds: "2 s", "0.5 s", "2.3 s".
func duration(d time.Duration) string { return fmt.Sprintf("%v s", d.Seconds()) }

func inBrackets(s string) string {
	if s == "" {
		return ""
	}
	return " (" + s + ")"
}

func blocks(n int) string {
	if n == 1 {
		return "1 block"
	}
	return fmt.Sprintf("%d blocks", n)
}

// byCount lists the names, the most frequent first.
func byCount(counts map[string]int) []string {
	return slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
}

func most(counts map[string]int) (name string, n int) {
	if list := byCount(counts); len(list) > 0 {
		return list[0], counts[list[0]]
	}
	return "", 0
}

// panicPlace is how a panic begins that was written in one line: the source file with its
// path, line and column.
var panicPlace = regexp.MustCompile(`panicked at (?:\S*/)?([^\s/]+/src/\S+?):(\d+):\d+:\s*`)

// inWords writes the place of a panic as crate and file, without the folders of the
// machine that built the runtime.
func inWords(s string) string { return panicPlace.ReplaceAllString(s, "panic in $1:$2: ") }
