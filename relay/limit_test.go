package relay

import (
	"errors"
	"testing"

	"pileus/primitives"
)

// Two candidates with 3 MiB of new code each do not fit into one block: chance decides,
// and an importer decides alike. A third one without new code stays beside either.
func TestBlockSize(t *testing.T) {
	const gamma primitives.ParaID = 2002
	chosen := map[primitives.ParaID]bool{}
	for seed := range uint64(8) {
		cfg := testGenesis(6, alpha, beta, gamma)
		cfg.Seed = seed
		c := newChain(t, cfg)
		c.empty(1)
		rp := c.best()
		var list []primitives.BackedCandidate
		for i, para := range []primitives.ParaID{alpha, beta, gamma} {
			list = append(list, c.candidate(candidateSpec{para: para, relayParent: rp, parentHead: rp.state.Head(para), head: []byte("x"), core: primitives.CoreIndex(i),
				change: func(o *primitives.CandidateCommitments) {
					if para != gamma {
						code := make([]byte, 3<<20)
						o.NewValidationCode = &code
					}
				}}))
		}
		c.next(backing(list...))
		if count(c.last.events, Backed) != 2 || len(c.last.dropped) != 1 || !errors.Is(c.last.dropped[0].Err, ErrNoRoom) {
			t.Fatalf("seed %d: %v", seed, c.last.dropped)
		}
		kept := c.last.block.Inherent.Backed
		chosen[kept[0].Candidate.Descriptor.Para()] = true
		if kept[1].Candidate.Descriptor.Para() != gamma {
			t.Fatalf("seed %d: the small one is missing", seed)
		}
		c.tips = c.tips[:len(c.tips)-1]
		c.refuses(c.forge(rp, backing(list...)), ErrFiltered, ErrNoRoom)
	}
	if !chosen[alpha] || !chosen[beta] {
		t.Fatalf("always the same: %v", chosen)
	}
}

// Where not even the bitfields fit, no candidate does.
func TestBitfieldsAlone(t *testing.T) {
	c := newChain(t, testGenesis(2, alpha))
	c.empty(1)
	x, err := begin(c.best().state, &c.best().header, PreDigest{Slot: 5000})
	if err != nil {
		t.Fatal(err)
	}
	fields := make([]primitives.SignedBitfield, 400)
	for i := range fields {
		fields[i] = primitives.SignedBitfield{Bits: primitives.NewBitVec(1 << 17), Validator: primitives.ValidatorIndex(i)}
	}
	kept, backed, dropped := x.limitSize(fields, []primitives.BackedCandidate{c.candidate(simple(c.best(), alphaHead(), "x"))})
	if want := maxBlockSize / fieldSize(fields[0]); len(kept) != want || len(backed) != 0 || len(dropped) != 401-want {
		t.Fatalf("%d bitfields, %d candidates, %d dropped", len(kept), len(backed), len(dropped))
	}
	for i, f := range kept[1:] {
		if f.Validator <= kept[i].Validator {
			t.Fatal("out of order")
		}
	}
	if got := len(fields[0].EncodeTo(nil)); got != fieldSize(fields[0]) {
		t.Fatalf("size %d, counted %d", got, fieldSize(fields[0]))
	}
}
