package dev

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"regexp"
	"strings"
	"testing"

	"pileus/dev/store"
	"pileus/hashing"
	"pileus/parachain"
	"pileus/pipeline"
	"pileus/primitives"
)

// logStory is a story with an upgrade, a fork and a dropped block, told to a log.
func logStory(out slog.Handler) {
	root := slog.New(out)
	l := &networkLog{para: chainLog{Logger: root.With(chainKey, "Parachain")}, relay: chainLog{Logger: root.With(chainKey, "Relaychain")},
		armed: true} // the story says when
	hash := func(what string, n byte) hashing.Hash { return hashing.Blake2b256([]byte{what[0], n}) }
	block := func(what string, n byte, parent hashing.Hash) *store.Block {
		return &store.Block{Hash: hash(what, n), Header: &primitives.Header{Number: uint32(n), ParentHash: parent}}
	}
	para := func(n byte) pipeline.ParaBlock {
		return pipeline.ParaBlock{Para: 2000, Number: uint32(n), Hash: hash("para", n)}
	}
	tell := func(list ...pipeline.Event) {
		for _, e := range list {
			l.Observe(pipeline.Timed{Event: e})
		}
	}

	one, two, other := block("para", 1, hashing.Hash{}), block("para", 2, hash("para", 1)), block("other", 2, hash("para", 1))
	l.Relay(store.Imported{Block: block("relay", 7, hash("relay", 6))})
	l.Relay(store.Best{Block: block("relay", 7, hash("relay", 6))})
	tell(pipeline.RelayBlock{Number: 7, Hash: hash("relay", 7)},
		pipeline.Authored{ParaBlock: para(1), Collator: "Alice", RelayParent: 7, CostMs: 12.4, Extrinsics: 3, End: parachain.EndNoMore},
		pipeline.Advertised{Candidate: pipeline.Candidate{ParaBlock: para(1)}, PoVBytes: 4200})
	l.Para(store.Imported{Block: one})
	l.Para(store.Best{Block: one})
	tell(pipeline.RelayBlock{Number: 8, Hash: hash("relay", 8)}, pipeline.Included{Candidate: pipeline.Candidate{ParaBlock: para(1)}}, pipeline.Backed{Candidate: pipeline.Candidate{ParaBlock: para(2)}})
	l.Para(store.Imported{Block: two})
	l.Para(store.Best{Block: two})
	l.Para(store.Imported{Block: other})
	tell(pipeline.Dropped{ParaBlock: para(2), Collator: "Bob", Reason: pipeline.DroppedSuperseded},
		pipeline.Refused{Collator: "Bob", RelayParent: 8, Reason: "runtime", Cause: "panicked\n\x1b[2J\"here\""},
		pipeline.SlotMissed{Slot: 9, Why: "validator 2 made no block"},
		pipeline.SessionChanged{Session: 2, Relay: 8})
	l.flush()
	l.Para(store.Best{Block: other, Retracted: []*store.Block{two}, Enacted: []*store.Block{other}})
}

func TestLogForPeople(t *testing.T) {
	var out bytes.Buffer
	logStory(NewLogHandler(&out, slog.LevelDebug, false))
	got := regexp.MustCompile(`(?m)^[-0-9]+ [:0-9]+ `).ReplaceAllString(out.String(), "")
	got = regexp.MustCompile(`0x[0-9a-f]{4}…[0-9a-f]{4}`).ReplaceAllString(got, "0x…")
	const want = `[Relaychain] 🏆 Imported #7 (0x… → 0x…)
[Parachain] 🎁 Prepared block for proposing at 1 (12 ms) hash: 0x…; parent_hash: 0x…; end: NoMoreTransactions; extrinsics_count: 3; by Alice on relay chain block #7
DEBUG [Parachain] Compressed PoV size: 4.1kb
[Parachain] 🏆 Imported #1 (0x… → 0x…)
[Parachain] 🏆 Imported #2 (0x… → 0x…)
WARN [Parachain] Block #2 (0x…) of Bob was dropped: the relay chain included another block of the same height or a higher one beside it
WARN [Parachain] Bob built no block on relay chain block #8: the runtime would not build the block: panicked  [2J"here"
WARN [Relaychain] Slot 9 passed without a block: validator 2 made no block
[Relaychain] Session 2 begins after #8
[Parachain] Update at relay chain block #8 (0x…) - backed: #2 (0x…), included: #1 (0x…)
[Parachain] 🆕 Imported #2 (0x… → 0x…)
[Parachain] ♻️  Reorg on #2,0x… to #2,0x…, common ancestor #1,0x…
`
	if got != want {
		t.Errorf("the log says\n%s\nwant\n%s", got, want)
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Error("a runtime's words steer the terminal")
	}
}

func TestLogForMachines(t *testing.T) {
	var out bytes.Buffer
	logStory(slog.NewJSONHandler(&out, nil))
	for _, line := range strings.Split(strings.TrimSpace(out.String()), "\n") {
		var r struct {
			Msg, Chain string
			Data       map[string]any
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil || r.Chain == "" || len(r.Data) == 0 {
			t.Errorf("%v in %s", err, line)
		}
		if strings.Contains(r.Msg, "Imported") && (len(r.Data["hash"].(string)) != 66 || r.Data["number"] == nil) {
			t.Errorf("lacks number or hash: %s", line)
		}
	}
}

func TestLogColour(t *testing.T) {
	var out bytes.Buffer
	slog.New(NewLogHandler(&out, slog.LevelWarn, true)).Warn("Block #12 was dropped", "reason", "not backed")
	slog.New(NewLogHandler(&out, slog.LevelWarn, true)).Info("not asked for")
	if got := out.String(); !strings.HasSuffix(got, " \x1b[33mWARN\x1b[0m Block \x1b[1m#12\x1b[0m was dropped reason=\"not backed\"\n") {
		t.Errorf("%q", got)
	}
}
