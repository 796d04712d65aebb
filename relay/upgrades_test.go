package relay

import (
	"errors"
	"testing"

	"pileus/hashing"
	"pileus/primitives"
)

func newCode(n byte) func(*primitives.CandidateCommitments) {
	code := testCode(n)
	return func(o *primitives.CandidateCommitments) { o.NewValidationCode = &code }
}

// The whole way of new code with delay 2, minimum delay 5, cooldown 2: scheduled at I,
// accepted in the next block A, GoAhead at max(I+2, A+5), current with the first included
// candidate whose relay parent has reached that block.
func TestUpgrade(t *testing.T) {
	p := newPump(t, testGenesis(5, alpha))
	old, hash := hashing.Blake2b256(testCode(byte(alpha&0xff))), hashing.Blake2b256(testCode(9))
	p.step(newCode(9))
	p.wantBacked()
	p.step(nil) // #103 = I
	included := p.best().state.Number()
	s := p.best().state
	if count(p.last.events, UpgradeScheduled) != 1 || !itemRestriction.at(alpha).has(s) || itemFutureAt.at(alpha).has(s) {
		t.Fatalf("at I: %v", p.last.events)
	}
	if c := s.BackingConstraints(alpha); !c.UpgradeRestricted || c.FutureValidationCode != nil {
		t.Fatalf("constraints at I: %+v", c)
	}
	p.step(newCode(8)) // A
	p.wantRefused(ErrPrematureUpgrade)
	at := included + 1 + 5
	if f := p.best().state.BackingConstraints(alpha).FutureValidationCode; f == nil || f.At != at || f.Hash != hash {
		t.Fatalf("at A: %+v", f)
	}
	if log, ok := p.best().header.Digest.Find(primitives.DigestConsensus, primitives.EngineParas); !ok || log[0] != 2 || len(log) != 41 {
		t.Fatalf("digest at A: %x", log)
	}
	p.empty(1) // I+2: the cooldown is over, yet new code waits
	if s := p.best().state; itemRestriction.at(alpha).has(s) || count(p.last.events, UpgradeCooldownOver) != 1 {
		t.Fatalf("at I+2: %v", p.last.events)
	}
	p.step(newCode(8))
	p.wantRefused(ErrPrematureUpgrade)
	for p.best().state.Number() < at-1 {
		p.step(nil)
		p.wantBacked()
		if itemGoAhead.at(alpha).has(p.best().state) {
			t.Fatalf("GoAhead already at #%d", p.best().state.Number())
		}
	}
	p.step(nil) // the block At: its candidate's relay parent is At-1
	if s := p.best().state; itemGoAhead.at(alpha).or(s) != uint8(primitives.UpgradeApproved) || count(p.last.events, UpgradeGoAhead) != 1 {
		t.Fatalf("at #%d: %v", at, p.last.events)
	}
	p.step(nil) // its candidate is the first to see GoAhead; the old code still validates it
	p.wantBacked()
	if s := p.best().state; itemCodeHash.at(alpha).or(s) != old || !itemGoAhead.at(alpha).has(s) {
		t.Fatal("the code changed too early")
	}
	p.stepOn(p.best(), nil, &hash) // includes that one: this one already needs the new code
	p.wantBacked()
	s = p.best().state
	if itemCodeHash.at(alpha).or(s) != hash || itemGoAhead.at(alpha).has(s) || count(p.last.events, CodeUpgraded) != 1 {
		t.Fatalf("events %v", p.last.events)
	}
	if s.ValidationCodeByHash(old) == nil || string(s.ValidationCode(alpha, primitives.AssumeFree)) != "" || len(s.ValidationCode(alpha, primitives.AssumeTimedOut)) == 0 {
		t.Fatal("codes")
	}
}

// Old code is kept for the retention period and then forgotten.
func TestCodeRetention(t *testing.T) {
	cfg := testGenesis(5, alpha)
	cfg.Config.CodeRetentionPeriod = 6
	p := newPump(t, cfg)
	old, hash := hashing.Blake2b256(testCode(byte(alpha&0xff))), hashing.Blake2b256(testCode(9))
	p.step(newCode(9))
	var code *primitives.Hash
	p.until(CodeUpgraded, func() { p.stepOn(p.best(), nil, code) })
	upgraded := p.best().state.Number()
	code = &hash
	for p.best().state.Number() < upgraded+6 {
		p.empty(1)
		if p.best().state.ValidationCodeByHash(old) == nil {
			t.Fatalf("forgotten at #%d", p.best().state.Number())
		}
	}
	p.empty(1)
	if s := p.best().state; s.ValidationCodeByHash(old) != nil || s.ValidationCodeByHash(hash) == nil || itemCodeRefs.at(old).has(s) {
		t.Fatal("not forgotten")
	}
}

// Validators reject the code: the para sees Abort until its next head, and the restriction
// lasts for its cooldown. Votes are checked.
func TestPrecheckRejected(t *testing.T) {
	cfg := testGenesis(5, alpha)
	cfg.ManualPrecheck = true
	cfg.Config.ValidationUpgradeCooldown = 6
	p := newPump(t, cfg)
	hash := hashing.Blake2b256(testCode(9))
	p.step(newCode(9))
	p.step(nil)
	vote := func(v primitives.ValidatorIndex, accept bool) PrecheckVote {
		s := p.best().state
		w := PrecheckVote{Code: hash, Accept: accept, Session: s.SessionIndexForChild(), Validator: v}
		w.Signature = p.key(s, v).Sign(w.Payload())
		return w
	}
	if list := p.best().state.PvfsRequirePrecheck(); len(list) != 1 || list[0] != hash {
		t.Fatalf("to be checked: %v", list)
	}
	bad, stale, outside, unknown := vote(1, false), vote(1, false), vote(1, false), vote(1, false)
	bad.Accept, stale.Session, outside.Validator = true, 1, 9
	unknown.Code = Hash{}
	unknown.Signature = p.key(p.best().state, 1).Sign(unknown.Payload())
	p.next(primitives.ParachainsInherentData{}, bad, stale, outside, unknown, vote(0, false), vote(0, true))
	p.wantOnlyCalls(1, ErrVoteSignature, ErrVoteSession, ErrVoteValidator, ErrVoteSubject, ErrVoteDouble)
	p.next(primitives.ParachainsInherentData{}, vote(1, false)) // two of five are more than a third
	s := p.best().state
	if itemGoAhead.at(alpha).or(s) != uint8(primitives.UpgradeAbort) || count(p.last.events, UpgradeAborted) != 1 || s.ValidationCodeByHash(hash) != nil {
		t.Fatalf("events %v", p.last.events)
	}
	p.step(newCode(9))
	p.wantRefused(ErrPrematureUpgrade) // restricted
	p.step(nil)
	p.step(nil)
	if itemGoAhead.at(alpha).has(p.best().state) {
		t.Fatal("Abort outlives the next head")
	}
}

// Enough votes accept; a vote that lasts too long is a rejection.
func TestPrecheckVotes(t *testing.T) {
	cfg := testGenesis(5, alpha)
	cfg.ManualPrecheck, cfg.SessionBlocks = true, 10
	for _, silent := range []bool{false, true} {
		p := newPump(t, cfg)
		hash := hashing.Blake2b256(testCode(9))
		p.next(primitives.ParachainsInherentData{}, ScheduleUpgrade{alpha, testCode(9)}, ScheduleUpgrade{alpha, testCode(8)}, ScheduleUpgrade{4000, nil})
		p.wantOnlyCalls(1, ErrCannotUpgrade, ErrUnknownPara)
		var calls []Call
		for v := range primitives.ValidatorIndex(4) {
			w := PrecheckVote{Code: hash, Accept: true, Session: p.best().state.SessionIndexForChild(), Validator: v}
			w.Signature = p.key(p.best().state, v).Sign(w.Payload())
			calls = append(calls, w)
		}
		want := UpgradeAccepted
		if silent {
			calls, want = nil, UpgradeAborted
		}
		p.next(primitives.ParachainsInherentData{}, calls...)
		for n := 0; silent && n < 20 && count(p.last.events, want) == 0; n++ {
			p.empty(1)
		}
		if count(p.last.events, want) != 1 {
			t.Fatalf("silent %v: %v", silent, p.last.events)
		}
		if silent && p.best().state.Number() != 120 { // the second session change
			t.Fatalf("aborted in #%d", p.best().state.Number())
		}
	}
}

// Known code needs no vote.
func TestKnownCode(t *testing.T) {
	cfg := testGenesis(5, alpha, beta)
	cfg.ManualPrecheck = true
	p := newPump(t, cfg)
	p.next(primitives.ParachainsInherentData{}, ScheduleUpgrade{alpha, testCode(byte(beta & 0xff))})
	p.wantEvents(UpgradeScheduled, UpgradeAccepted)
	p.next(primitives.ParachainsInherentData{}, ScheduleUpgrade{beta, testCode(1)[:8]})
	if !errors.Is(p.lastReason(), ErrInvalidCode) {
		t.Fatalf("dropped %v", p.last.dropped)
	}
}
