package dev

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"pileus/dev/store"
	"pileus/hashing"
	"pileus/parachain"
	"pileus/pipeline"
)

const (
	// chainKey is the attribute that says which chain a record is about.
	chainKey = "chain"
	// idleEvery is how often the log says where the chain stands (sc-informant 0.60).
	idleEvery = 5 * time.Second
	// together is how long a record may wait for what belongs to it.
	together = 50 * time.Millisecond
	// tooQuick is the length of relay slots below which nobody could read a line per block:
	// what belongs to the daily round is logged at level debug then.
	tooQuick = 400 * time.Millisecond
)

// networkLog writes what happens in a node's network, in the words of nodes where they have some:
//
//	🎁 Prepared block for proposing at 42 (5 ms) …           sc-basic-authorship 0.58, Proposer
//	🏆 Imported #42 (0x1234…cdef → 0x5678…90ab)              sc-informant 0.60; 🆕 if it is not the best one
//	♻️  Reorg on #42,0x… to #42,0x…, common ancestor #41     sc-informant
//	💤 Idle (1 peers), best: #42 (0x…), finalized #38 (0x…)  sc-informant
//	Update at relay chain block #1043 (0x…) - backed: …      cumulus-client-service 0.42, parachain_informant
//	Compressed PoV size: 4.1kb                               cumulus-client-consensus-aura 0.36; level debug
//
// Every record has the attribute chain, and the group data with the same in fields.
type networkLog struct {
	node        *Node
	follow      func(context.Context) error
	idled       [2]store.Hash // best and finalized block of the last idle line
	para, relay chainLog
	daily       slog.Level // of what belongs to the daily round

	mu     sync.Mutex
	update *update // of the newest relay block, while its events come
	armed  bool    // a flush will come
}

// chainLog logs one chain's imports. Whether a block is the best one is told after its import.
type chainLog struct {
	*slog.Logger
	daily    slog.Level
	best     store.Hash
	imported *store.Block // not logged yet
}

// update is what a relay block has decided about the parachain's candidates.
type update struct {
	block                      pipeline.RelayBlock
	backed, included, timedOut []string
}

// newNetworkLog makes the log of a node, of everything from now on.
func newNetworkLog(n *Node) *networkLog {
	daily := slog.LevelInfo
	if t := n.cfg.BlockTime; t.Mode == Interval && t.interval() < tooQuick {
		daily = slog.LevelDebug
		n.log.Info("Blocks come too quickly to be read: each one is logged at level debug")
	}
	l := &networkLog{node: n, daily: daily,
		para:  chainLog{Logger: n.log.With(chainKey, "Parachain"), daily: daily},
		relay: chainLog{Logger: n.log.With(chainKey, "Relaychain"), daily: daily}}
	l.follow = n.following(l)
	return l
}

// run logs until ctx ends or the node stops.
func (l *networkLog) run(ctx context.Context) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		tick := time.NewTicker(idleEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				l.idle()
			case <-ctx.Done():
				return
			}
		}
	}()
	_ = l.follow(ctx) // it ends with the node
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flush()
}

// idle says where the parachain stands.
func (l *networkLog) idle() {
	best, final := l.node.Para().Best(), l.node.Para().Finalized()
	stands := l.node.cfg.BlockTime.Mode != Interval // it need not be said again and again
	if stands && l.idled == [2]store.Hash{best.Hash, final.Hash} {
		return
	}
	l.idled = [2]store.Hash{best.Hash, final.Hash}
	peers := max(0, l.node.cfg.Collators-1)
	l.para.Info(fmt.Sprintf("💤 Idle (%d peers), best: #%d (%s), finalized #%d (%s)", peers, best.Number(), best.Hash.Short(), final.Number(), final.Hash.Short()),
		slog.Group("data", "best", best.Number(), "best_hash", best.Hash, "finalized", final.Number(), "finalized_hash", final.Hash))
}

// Para implements [Follower].
func (l *networkLog) Para(e store.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.para.take(e)
	l.soon()
}

// Relay implements [Follower].
func (l *networkLog) Relay(e store.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.relay.take(e)
	l.soon()
}

// soon sees to it that what waits is logged.
func (l *networkLog) soon() {
	if l.armed {
		return
	}
	l.armed = true
	time.AfterFunc(together, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.armed = false
		l.flush()
	})
}

func (l *networkLog) flush() {
	l.relay.flush()
	l.updated()
	l.para.flush()
}

func (c *chainLog) take(e store.Event) {
	switch e := e.(type) {
	case store.Imported:
		c.flush()
		c.imported = e.Block
	case store.Best:
		if n := len(e.Retracted); n > 0 {
			old, lowest := e.Retracted[0], e.Retracted[n-1]
			c.Info(fmt.Sprintf("♻️  Reorg on #%d,%s to #%d,%s, common ancestor #%d,%s", old.Number(), old.Hash.Short(), e.Block.Number(), e.Block.Hash.Short(),
				lowest.Number()-1, lowest.Parent().Short()),
				slog.Group("data", "from", old.Hash, "to", e.Block.Hash, "ancestor", lowest.Parent(), "retracted", n, "enacted", len(e.Enacted)))
		}
		if c.best = e.Block.Hash; c.imported != nil && c.imported.Hash == c.best {
			c.flush()
		}
	}
}

// flush logs the import that waits.
func (c *chainLog) flush() {
	b, mark := c.imported, "🆕"
	if b == nil {
		return
	}
	if c.imported = nil; b.Hash == c.best {
		mark = "🏆"
	}
	c.Log(context.Background(), c.daily, fmt.Sprintf("%s Imported #%d (%s → %s)", mark, b.Number(), b.Parent().Short(), b.Hash.Short()),
		slog.Group("data", "number", b.Number(), "hash", b.Hash, "parent", b.Parent(), "extrinsics", len(b.Extrinsics), "best", mark == "🏆"))
}

// updated logs what the newest relay block has decided.
func (l *networkLog) updated() {
	u := l.update
	l.update = nil
	if u == nil || len(u.backed)+len(u.included)+len(u.timedOut) == 0 {
		return
	}
	var parts []string
	for _, p := range []struct {
		what string
		list []string
	}{{"backed", u.backed}, {"included", u.included}, {"timed out", u.timedOut}} {
		if len(p.list) > 0 {
			parts = append(parts, p.what+": "+strings.Join(p.list, ", "))
		}
	}
	l.para.Log(context.Background(), l.daily, fmt.Sprintf("Update at relay chain block #%d (%s) - %s", u.block.Number, u.block.Hash.Short(), strings.Join(parts, ", ")),
		slog.Group("data", "relay_block", u.block.Number, "relay_hash", u.block.Hash, "backed", u.backed, "included", u.included, "timed_out", u.timedOut))
}

// Observe implements [Follower].
func (l *networkLog) Observe(t pipeline.Timed) {
	l.mu.Lock()
	defer l.mu.Unlock()
	say := func(c *chainLog, level slog.Level, message string, data ...any) {
		c.Log(context.Background(), level, message, slog.Group("data", data...))
	}
	named := func(number uint32, hash hashing.Hash) string { return fmt.Sprintf("#%d (%s)", number, hash.Short()) }
	switch e := t.Event.(type) {
	case pipeline.RelayBlock:
		l.updated()
		l.update = &update{block: e}
		l.soon()
	case pipeline.Backed:
		if l.update != nil {
			l.update.backed = append(l.update.backed, named(e.Number, e.Hash))
		}
	case pipeline.Included:
		if l.update != nil {
			l.update.included = append(l.update.included, named(e.Number, e.Hash))
		}
	case pipeline.TimedOut:
		if l.update != nil {
			l.update.timedOut = append(l.update.timedOut, named(e.Number, e.Hash))
		}
	case pipeline.Authored:
		say(&l.para, l.daily, fmt.Sprintf("🎁 Prepared block for proposing at %d (%.0f ms) hash: %s; parent_hash: %s; end: %s; extrinsics_count: %d; by %s on relay chain block #%d",
			e.Number, e.CostMs, e.Hash.Short(), e.Parent.Short(), endWords[e.End], e.Extrinsics, e.Collator, e.RelayParent),
			"number", e.Number, "hash", e.Hash, "parent", e.Parent, "end", e.End, "collator", e.Collator, "relay_parent", e.RelayParent, "ms", e.CostMs, "extrinsics", e.Extrinsics, "segment", e.Segment)
	case pipeline.Advertised:
		say(&l.para, slog.LevelDebug, fmt.Sprintf("Compressed PoV size: %.1fkb", float64(e.PoVBytes)/1024),
			"number", e.Number, "candidate", e.Candidate.Candidate, "pov_bytes", e.PoVBytes, "core", e.Core)
	case pipeline.Dropped:
		say(&l.para, slog.LevelWarn, fmt.Sprintf("Block #%d (%s) of %s was dropped: %s%s", e.Number, e.Hash.Short(), e.Collator, pipeline.Meaning(e.Reason), colon(e.Detail)),
			"number", e.Number, "hash", e.Hash, "collator", e.Collator, "relay_block", e.Relay, "reason", e.Reason, "detail", e.Detail)
	case pipeline.Refused:
		say(&l.para, slog.LevelWarn, fmt.Sprintf("%s built no block on relay chain block #%d: %s%s", e.Collator, e.RelayParent, pipeline.Meaning(e.Reason), colon(e.Cause)),
			"collator", e.Collator, "relay_parent", e.RelayParent, "reason", e.Reason, "cause", e.Cause)
	case pipeline.Passed:
		say(&l.para, slog.LevelDebug, fmt.Sprintf("%s makes no attempt on relay chain block #%d: %s%s", e.Collator, e.RelayParent, pipeline.Meaning(e.Reason), colon(e.Detail)),
			"collator", e.Collator, "relay_parent", e.RelayParent, "reason", e.Reason, "detail", e.Detail)
	case pipeline.TransactionRefused:
		say(&l.para, slog.LevelWarn, "A transaction was refused: "+e.Cause, "cause", e.Cause)
	case pipeline.CodeApplied:
		say(&l.para, slog.LevelInfo, fmt.Sprintf("New runtime code from block #%d on: %s", e.Number, e.Code.Short()), "number", e.Number, "code_hash", e.Code)
	case pipeline.Upgrade:
		say(&l.relay, slog.LevelInfo, fmt.Sprintf("Code upgrade of para %d at #%d: %s %s", e.Para, e.Relay, e.Step, e.Code.Short()), "relay_block", e.Relay, "step", e.Step, "code_hash", e.Code)
	case pipeline.Seconded:
		say(&l.relay, slog.LevelDebug, fmt.Sprintf("Validator %d seconded #%d (%s)", e.Validator, e.Number, e.Hash.Short()), "validator", e.Validator, "number", e.Number, "hash", e.Hash)
	case pipeline.Declined:
		say(&l.relay, slog.LevelDebug, fmt.Sprintf("Validator %d turned #%d (%s) down: %s%s", e.Validator, e.Number, e.Hash.Short(), e.Reason, colon(e.Detail)),
			"validator", e.Validator, "number", e.Number, "hash", e.Hash, "reason", e.Reason, "detail", e.Detail)
	case pipeline.SlotMissed:
		say(&l.relay, slog.LevelWarn, fmt.Sprintf("Slot %d passed without a block: %s", e.Slot, e.Why), "slot", e.Slot, "why", e.Why)
	case pipeline.InherentDropped:
		say(&l.relay, slog.LevelWarn, fmt.Sprintf("The author of #%d left out %s: %s", e.Relay, e.What, e.Why), "relay_block", e.Relay, "what", e.What, "why", e.Why)
	case pipeline.SessionChanged:
		say(&l.relay, slog.LevelInfo, fmt.Sprintf("Session %d begins after #%d", e.Session, e.Relay), "session", e.Session, "relay_block", e.Relay)
	}
}

// endWords are the names of sc_proposer_metrics::EndProposingReason.
var endWords = map[parachain.EndReason]string{parachain.EndNoMore: "NoMoreTransactions", parachain.EndDeadline: "HitDeadline",
	parachain.EndSize: "HitBlockSizeLimit", parachain.EndWeight: "HitBlockWeightLimit", parachain.EndForbidden: "TransactionForbidden"}

func colon(s string) string {
	if s == "" {
		return ""
	}
	return ": " + s
}
