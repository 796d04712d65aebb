package collator

import (
	"fmt"

	"pileus/primitives"
)

// basic is the collator of before the guide: one block on the included head, and only
// while the core is free, so that a block has to be included before the next one is made
// (cumulus-client-consensus-aura collators::basic, removed in 2025).
func (c *Collator) basic(s *story, relayParent *primitives.Header) {
	at := relayParent.Hash()
	queue := relay[map[primitives.CoreIndex][]primitives.ParaID](s, relayParent, ClaimQueue{at})
	cores := coresAt(queue, c.p.ParaID, 0)
	if len(cores) == 0 {
		s.pass(relayParent, NoCore, "the para is not scheduled on any core")
	}
	pvd := relay[*primitives.PersistedValidationData](s, relayParent, PersistedValidationData{at, c.p.ParaID, primitives.AssumeFree})
	if pvd == nil {
		s.pass(relayParent, CoreOccupied, "a candidate is pending availability")
	}
	included := s.localHeader(relayParent, pvd.ParentHead)
	info := s.info(relayParent, included.Hash())
	if info.RelayParentOffset > 0 {
		s.refuse(relayParent, OffsetUnsupported, fmt.Sprintf("the runtime has a relay parent offset of %d, which the %v collator cannot serve; take the slot-based one", info.RelayParentOffset, c.p.Kind))
	}
	claim := s.claimSlot(relayParent, info)
	s.buildOne(s.plan(relayParent, included, info, claim, pvd, queue, cores[0], nil, nil))
}
