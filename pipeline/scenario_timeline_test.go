package pipeline

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"pileus/primitives"
	"pileus/relay"
)

// timeline tells a run in relay blocks, for people.
type timeline struct {
	n              *Network
	paras          []*testPara
	rows           []*row
	byNumber       map[uint32]*row
	claims, groups bool
	skipped        map[uint32]int
	early          []string                            // notes for the next row
	candidates     map[primitives.CandidateHash]string // names
	counts         map[string]*counts
}

// row is a relay block, or a slot without one.
type row struct {
	number                 uint32
	missed                 bool
	includes, backs, built []string
	notes                  []string
}

type counts struct {
	authored, backed, included int
	dropped                    map[string]int
	first, last                time.Duration // inclusions
}

func newTimeline() *timeline {
	return &timeline{byNumber: map[uint32]*row{}, skipped: map[uint32]int{}, candidates: map[primitives.CandidateHash]string{}}
}

// begin starts a new table.
func (l *timeline) begin(claims, groups bool) {
	l.rows, l.claims, l.groups, l.counts = nil, claims, groups, map[string]*counts{}
}

func (l *timeline) of(id primitives.ParaID) (*testPara, *counts) {
	p := l.paras[id-2000]
	if l.counts[p.name] == nil {
		l.counts[p.name] = &counts{dropped: map[string]int{}}
	}
	return p, l.counts[p.name]
}

func (l *timeline) name(b ParaBlock) string {
	p, _ := l.of(b.Para)
	if known := p.blocks[b.Hash]; known != nil {
		return known.name
	}
	return fmt.Sprintf("%s%d*", p.name, b.Number)
}

func (l *timeline) nameOf(c Candidate) string {
	if name := l.candidates[c.Candidate]; name != "" {
		return name
	}
	return l.name(c.ParaBlock)
}

func (l *timeline) rOf(b *relayBlock) uint32 { return b.number() + 1 - l.n.first }

// last is the row of what happens now.
func (l *timeline) last() *row {
	if len(l.rows) == 0 {
		l.rows = append(l.rows, &row{number: l.n.best.number()})
	}
	return l.rows[len(l.rows)-1]
}

func (l *timeline) note(format string, args ...any) {
	r := l.last()
	r.notes = append(r.notes, fmt.Sprintf(format, args...))
}

// drop notes it together with the others of the same reason.
func (l *timeline) drop(name, reason string) {
	r, start := l.last(), reason+": "
	if n := len(r.notes); n > 0 && strings.HasPrefix(r.notes[n-1], start) {
		r.notes[n-1] += " " + name
		return
	}
	l.note("%s%s", start, name)
}

func (l *timeline) observe(e Event) {
	switch e := e.(type) {
	case RelayBlock:
		r := &row{number: e.Number, notes: l.early}
		l.early = nil
		l.rows, l.byNumber[e.Number] = append(l.rows, r), r
		l.claimsOf(l.n.relay[e.Hash])
	case SlotMissed:
		l.rows = append(l.rows, &row{missed: true})
	case Authored:
		_, c := l.of(e.Para)
		c.authored++
		r := l.byNumber[e.RelayParent]
		r.built = append(r.built, l.name(e.ParaBlock))
	case Advertised:
		l.candidates[e.Candidate.Candidate] = l.name(e.ParaBlock)
	case Backed:
		_, c := l.of(e.Para)
		c.backed++
		l.last().backs = append(l.last().backs, l.nameOf(e.Candidate))
	case Included:
		_, c := l.of(e.Para)
		if c.included++; c.included == 1 {
			c.first = l.n.Now()
		}
		c.last = l.n.Now()
		l.last().includes = append(l.last().includes, l.nameOf(e.Candidate))
	case TimedOut:
		l.note("%s is not available in time", l.name(e.ParaBlock))
	case Dropped:
		_, c := l.of(e.Para)
		c.dropped[e.Reason]++
		l.drop(l.name(e.ParaBlock), e.Reason)
	case Declined:
		if name := l.name(e.ParaBlock); !strings.HasSuffix(name, "*") && !quiet[e.Reason] {
			l.note("validators refuse %s: %s", name, told(e.Reason, e.Detail))
		}
	case InherentDropped:
		l.early = append(l.early, fmt.Sprintf("author leaves out %s: %s", e.What, e.Why))
	case SessionChanged:
		l.note("ends the session")
		if l.groups {
			l.note("groups from here on %s", l.groupList())
		}
	}
}

// quiet are refusals that tell nothing: messages that crossed.
var quiet = map[string]bool{"FetchFailed": true, "DuplicateAdvertisement": true, "SecondedLimitReached": true}

func (l *timeline) claimsOf(b *relayBlock) {
	if !l.claims {
		return
	}
	for _, e := range b.events {
		if e.Kind == relay.ClaimLost {
			why := "unused"
			if e.Blocked {
				why = "core blocked"
			}
			l.note("claim of core %d lost, %s", e.Core, why)
		}
	}
}

// groupList shows the validators by their place among the authorities.
func (l *timeline) groupList() string {
	state := l.n.best.state
	groups, _ := state.ValidatorGroups()
	var list []string
	for _, g := range groups {
		var members []string
		for _, v := range g {
			members = append(members, fmt.Sprint(l.n.validatorAt(state.SessionIndexForChild(), v).index))
		}
		list = append(list, strings.Join(members, "+"))
	}
	return strings.Join(list, " | ")
}

// text is the table, then a line for each para.
func (l *timeline) text() string {
	table := [][]string{{"relay", "includes", "backs", "built on it", ""}}
	for _, r := range l.rows {
		line := []string{"–", "", "", "", "no block in this slot"}
		if !r.missed {
			line = []string{fmt.Sprintf("R%d", r.number+1-l.n.first), cells(r.includes), cells(r.backs), cells(r.built), ""}
		}
		for i, note := range r.notes {
			if i > 0 {
				table = append(table, line)
				line = make([]string, 5)
			}
			line[4] = l.readable(note)
		}
		table = append(table, line)
	}
	var out strings.Builder
	widths := make([]int, 5)
	table = slices.Concat(table[:1], folded(table[1:]))
	for _, line := range table {
		for i, cell := range line {
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	for _, line := range table {
		text := ""
		for i, cell := range line {
			text += cell + strings.Repeat(" ", widths[i]+2-len([]rune(cell)))
		}
		out.WriteString(strings.TrimRight(text, " ") + "\n")
	}
	for _, name := range slices.Sorted(maps.Keys(l.counts)) {
		out.WriteString(l.counts[name].text(name))
	}
	return out.String()
}

func cells(list []string) string {
	if len(list) == 0 {
		return "·"
	}
	return strings.Join(list, " ")
}

func (c *counts) text(name string) string {
	s := fmt.Sprintf("%s: %d authored, %d backed, %d included", name, c.authored, c.backed, c.included)
	if c.included > 1 {
		s += fmt.Sprintf(", one every %.1f s", (c.last-c.first).Seconds()/float64(c.included-1))
	}
	for _, reason := range slices.SortedFunc(maps.Keys(c.dropped), cmp.Compare[string]) {
		s += fmt.Sprintf("; %d %s", c.dropped[reason], reason)
	}
	return s + "\n"
}

var (
	relayNumber = regexp.MustCompile(`#(\d{4,})\b`)
	label       = regexp.MustCompile(`\b[A-Z]\d+`)
)

// readable puts names where messages have numbers and hashes.
func (l *timeline) readable(text string) string {
	for hash, name := range l.candidates {
		text = strings.ReplaceAll(text, hash.Short(), name)
	}
	for _, b := range l.n.relay {
		text = strings.ReplaceAll(text, b.hash.Short(), fmt.Sprintf("R%d", int64(b.number())+1-int64(l.n.first)))
	}
	return relayNumber.ReplaceAllStringFunc(text, func(s string) string {
		number, _ := strconv.Atoi(s[1:])
		return fmt.Sprintf("R%d", number+1-int(l.n.first))
	})
}

// folded leaves out the middle of a stretch in which every row repeats the one, two or
// three before it with higher numbers.
func folded(table [][]string) (out [][]string) {
	for i := 0; i < len(table); {
		period, count := 0, 0
		for p := 1; p <= 3 && count == 0; p++ {
			if c := repeats(table, i, p); c >= 2*p+2 {
				period, count = p, c
			}
		}
		if count == 0 {
			out = append(out, table[i])
			i++
			continue
		}
		out = append(out, table[i:i+period]...)
		left := count - period // rows that are not shown; the last period of them is
		out = append(out, []string{"⋮", "", "", "", fmt.Sprintf("%d more of the same kind", left)})
		out = append(out, table[i+count:i+count+period]...)
		i += count + period
	}
	return out
}

// repeats counts the rows from i+p on that continue the pattern of the p rows at i.
func repeats(table [][]string, i, p int) (count int) {
	step := -1
	for j := i + p; j < len(table); j++ {
		if step < 0 {
			step = stepOf(table[j-p], table[j])
		}
		if strings.Join(table[j], "\x00") != shifted(strings.Join(table[j-p], "\x00"), p, step) {
			break
		}
		count++
	}
	return count
}

// stepOf is how much higher the block numbers of the second row are.
func stepOf(a, b []string) int {
	x, y := label.FindAllString(strings.Join(a[1:], " "), -1), label.FindAllString(strings.Join(b[1:], " "), -1)
	for i := range min(len(x), len(y)) {
		if x[i][0] != 'R' {
			from, _ := strconv.Atoi(x[i][1:])
			to, _ := strconv.Atoi(y[i][1:])
			return to - from
		}
	}
	return -1
}

func shifted(text string, relay, step int) string {
	return label.ReplaceAllStringFunc(text, func(s string) string {
		by := step
		if s[0] == 'R' {
			by = relay
		}
		n, _ := strconv.Atoi(s[1:])
		return fmt.Sprintf("%c%d", s[0], n+by)
	})
}
