package collator

import (
	"pileus/primitives"
	"pileus/scale"
)

// parents are what the parent search has found.
type parents struct {
	included *primitives.Header
	best     *primitives.Header // to build on; may be the included one
}

// defaultLookahead bounds the ancestry where the relay chain does not say.
const defaultLookahead = 3

// findParent finds the block to build on: the highest one on the pending block (else on
// the included one) whose chain was built on relay parents in the window of candidates
// (cumulus-client-consensus-common parent_search).
func (s *story) findParent(schedulingParent *primitives.Header) parents {
	at := schedulingParent.Hash()
	pvd := relay[*primitives.PersistedValidationData](s, schedulingParent, PersistedValidationData{at, s.c.p.ParaID, primitives.AssumeTimedOut})
	if pvd == nil {
		s.pass(schedulingParent, NoValidation, "")
	}
	found := parents{included: s.localHeader(schedulingParent, pvd.ParentHead)}
	found.best = found.included
	// A pending block that is not here must not be built beside: that would be a fork.
	if pvd := relay[*primitives.PersistedValidationData](s, schedulingParent, PersistedValidationData{at, s.c.p.ParaID, primitives.AssumeIncluded}); pvd != nil {
		found.best = s.localHeader(schedulingParent, pvd.ParentHead)
	}
	window := s.ancestry(schedulingParent)
	type step struct{ hash Hash }
	stack := []step{{found.best.Hash()}}
	for len(stack) > 0 {
		top := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		for _, child := range s.c.p.ParaBackend.Children(top.hash) {
			h, ok := s.c.p.ParaBackend.Header(child)
			if !ok || !window.holds(h) {
				continue
			}
			if h.Number > found.best.Number {
				found.best = h
			}
			stack = append(stack, step{child})
		}
	}
	return found
}

// localHeader decodes head data and demands that the block is here.
func (s *story) localHeader(relayParent *primitives.Header, head []byte) *primitives.Header {
	var h primitives.Header
	if err := scale.Decode(head, &h); err != nil {
		s.pass(relayParent, NoParent, "the head data is not a header: "+err.Error())
	}
	own, ok := s.c.p.ParaBackend.Header(primitives.ParaHeadHash(head))
	if !ok {
		s.pass(relayParent, NoParent, "the block has not been imported here")
	}
	return own
}

// relayWindow are the relay parents that a candidate may still have.
type relayWindow struct {
	hashes map[Hash]bool
	roots  map[primitives.RelayStorageRoot]bool
}

// holds tells whether a block was built on a relay parent in the window.
func (w relayWindow) holds(h *primitives.Header) bool {
	if root, ok := h.Digest.RelayStorageRoot(); ok {
		return w.roots[root]
	}
	item, ok := h.Digest.Cumulus(primitives.CumulusRelayParent)
	return ok && w.hashes[item.RelayParent]
}

// ancestry is the scheduling parent with its ancestors, as many as the lookahead, ending
// behind a block that ends a session.
func (s *story) ancestry(schedulingParent *primitives.Header) relayWindow {
	w := relayWindow{map[Hash]bool{}, map[primitives.RelayStorageRoot]bool{}}
	lookahead := relay[uint32](s, schedulingParent, SchedulingLookahead{schedulingParent.Hash()})
	if lookahead == 0 {
		lookahead = defaultLookahead
	}
	h := schedulingParent
	for i := uint32(0); ; i++ {
		w.hashes[h.Hash()] = true
		w.roots[primitives.RelayStorageRoot{Root: h.StateRoot, Number: h.Number}] = true
		if i+1 == lookahead || changesEpoch(h) || h.Number <= 1 {
			return w
		}
		if h = relay[*primitives.Header](s, schedulingParent, Header{h.ParentHash}); h == nil {
			return w
		}
	}
}

// changesEpoch tells whether a relay block announces a new epoch, which begins with it:
// the consensus log NextEpochData of BABE.
func changesEpoch(h *primitives.Header) bool {
	data, ok := h.Digest.Find(primitives.DigestConsensus, primitives.EngineBabe)
	return ok && len(data) > 0 && data[0] == 1
}
