package collator

import (
	"errors"
	"fmt"

	"pileus/primitives"
)

// lookahead is the collator of the guide's phase 2: on every imported relay block one
// block, on the newest parachain block that may be built on, if the runtime says that the
// unincluded segment has room (cumulus-client-consensus-aura collators::lookahead).
func (c *Collator) lookahead(s *story, relayParent *primitives.Header) {
	at := relayParent.Hash()
	queue := relay[map[primitives.CoreIndex][]primitives.ParaID](s, relayParent, ClaimQueue{at})
	cores := coresAt(queue, c.p.ParaID, 0)
	if len(cores) == 0 {
		s.pass(relayParent, NoCore, "the para is not scheduled on any core")
	}
	pvd := relay[*primitives.PersistedValidationData](s, relayParent, PersistedValidationData{at, c.p.ParaID, primitives.AssumeIncluded})
	if pvd == nil {
		s.pass(relayParent, NoValidation, "")
	}
	parent := s.findParent(relayParent)
	info := s.info(relayParent, parent.best.Hash())
	if info.RelayParentOffset > 0 {
		s.refuse(relayParent, OffsetUnsupported, fmt.Sprintf("the runtime has a relay parent offset of %d, which the %v collator cannot serve; take the slot-based one", info.RelayParentOffset, c.p.Kind))
	}
	claim := s.claimSlot(relayParent, info)
	s.needRoom(relayParent, parent, info, claim)
	s.buildOne(s.plan(relayParent, parent.best, info, claim, pvd, queue, cores[0], nil, nil))
}

// needRoom ends the story if the runtime has no room for another block on the parent. On
// the included block itself there always is: a block's state does not know its own hash.
func (s *story) needRoom(relayParent *primitives.Header, parent parents, info RuntimeInfo, k claim) {
	if parent.best.Hash() == parent.included.Hash() {
		return
	}
	if info.SegmentAPI == 0 {
		s.pass(relayParent, SegmentFull, "without AuraUnincludedSegmentApi only the included block is built on")
	}
	v, err := s.ask(func(id uint64) Output {
		return CanBuildUpon{id, parent.best.Hash(), parent.included.Hash(), k.slot, slotOf(relayParent)}
	})
	if err != nil {
		s.refuse(relayParent, RuntimeUnanswered, err.Error())
	}
	if room, _ := v.(bool); !room {
		s.pass(relayParent, SegmentFull, "can_build_upon says no")
	}
}

// plan gathers what a block and its candidate need.
func (s *story) plan(relayParent, parent *primitives.Header, info RuntimeInfo, k claim, pvd *primitives.PersistedValidationData,
	queue map[primitives.CoreIndex][]primitives.ParaID, core primitives.CoreIndex, descendants []primitives.Header, digest []primitives.DigestItem) plan {
	at := relayParent.Hash()
	own := *pvd
	own.ParentHead = parent.EncodeTo(nil)
	own.RelayParentNumber, own.RelayParentStorageRoot = relayParent.Number, relayParent.StateRoot
	return plan{
		relayParent: relayParent, parent: parent, info: info, claim: k, pvd: &own, core: core, queue: queue, digest: digest,
		session:    relay[primitives.SessionIndex](s, relayParent, SessionIndexForChild{at}),
		validators: relay[int](s, relayParent, ValidatorCount{at}),
		group:      relay[Group](s, relayParent, GroupForCore{at, core}),
		inherent:   s.inherent(relayParent, &own, info, descendants),
	}
}

// refused ends the story with the reason that an error names, else with the given one.
func (s *story) refused(relayParent *primitives.Header, otherwise Reason, err error) {
	var why *RefusedError
	if errors.As(err, &why) {
		s.end(relayParent, why)
	}
	s.refuse(relayParent, otherwise, err.Error())
}
