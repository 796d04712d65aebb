package collator

import (
	"math"
	"slices"
	"time"

	"pileus/primitives"
)

// timer asks for the next tick: each relay slot, SlotOffset after its start, 2 ms early
// (slot_based::slot_timer).
func (c *Collator) timer() Output {
	const early = 2 * time.Millisecond
	slots := (c.now - c.p.SlotOffset + early) / c.p.RelayChainSlotDuration
	return SetTimer{(slots+1)*c.p.RelayChainSlotDuration + c.p.SlotOffset - early}
}

// slotBased makes the block of one relay slot on the para's core: on a relay parent that
// lies the runtime's offset behind the newest relay block, with the headers between as
// proof that the offset is kept (cumulus-client-consensus-aura collators::slot_based
// block_builder_task, candidates of version 2).
//
// The plan is per core, so that several cores are a loop around its end.
func (c *Collator) slotBased(s *story, newest *primitives.Header) {
	best, ok := c.p.ParaBackend.Header(c.p.ParaBackend.Best())
	if !ok {
		s.pass(newest, NoParent, "the best block is not known")
	}
	offset := s.info(newest, best.Hash()).RelayParentOffset
	relayParent, descendants := s.offsetParent(newest, offset)
	at := relayParent.Hash()
	parent := s.findParent(relayParent)
	parent.best = s.endOfCore(parent)
	info := s.info(relayParent, parent.best.Hash())
	if info.RelayParentOffset != offset { // an upgrade on the way changed it
		relayParent, descendants = s.offsetParent(newest, info.RelayParentOffset)
		at = relayParent.Hash()
	}
	if builtOn(parent.best, relayParent) {
		s.pass(relayParent, SameRelayParent, "the parent was built on this relay parent already")
	}
	pvd := relay[*primitives.PersistedValidationData](s, relayParent, PersistedValidationData{at, c.p.ParaID, primitives.AssumeIncluded})
	if pvd == nil {
		s.pass(relayParent, NoValidation, "")
	}
	claim := s.claimSlot(relayParent, info)
	claim.timestamp = uint64(claim.slot) * uint64(info.SlotDuration.Milliseconds())
	depth := uint8(min(uint64(info.RelayParentOffset)+uint64(info.MaxClaimQueueOffset), math.MaxUint8))
	queue := relay[map[primitives.CoreIndex][]primitives.ParaID](s, relayParent, ClaimQueue{at})
	cores := coresAt(queue, c.p.ParaID, int(depth))
	if len(cores) == 0 {
		s.pass(relayParent, NoCore, "no cores scheduled")
	}
	s.needRoom(relayParent, parent, info, claim)
	const selector = 0
	digest := []primitives.DigestItem{
		primitives.CumulusItem{Kind: primitives.CumulusCoreInfo, Core: primitives.CoreInfo{Selector: selector, ClaimQueueOffset: depth, NumberOfCores: 1}}.DigestItem(),
		primitives.CumulusItem{Kind: primitives.CumulusBundleInfo, Bundle: primitives.BundleInfo{Index: 0, IsLast: true}}.DigestItem(),
	}
	s.buildOne(s.plan(relayParent, parent.best, info, claim, pvd, queue, cores[selector], descendants, digest))
}

// offsetParent walks back from the newest relay block. The headers from the relay parent
// on, it first, are returned as well; there are none without an offset. A session that
// ends on the way ends the attempt: a candidate of version 2 has to be of the session of
// its relay parent.
func (s *story) offsetParent(newest *primitives.Header, offset uint32) (relayParent *primitives.Header, descendants []primitives.Header) {
	if offset == 0 {
		return newest, nil
	}
	relayParent = newest
	for range offset {
		if changesEpoch(relayParent) {
			s.pass(newest, SessionBoundary, "a session ends between relay parent and newest block")
		}
		descendants = append(descendants, *relayParent)
		parent := relay[*primitives.Header](s, newest, Header{relayParent.ParentHash})
		if parent == nil || parent.Number == 0 {
			s.pass(newest, NoParent, "relay ancestors are not known")
		}
		relayParent = parent
	}
	descendants = append(descendants, *relayParent)
	slices.Reverse(descendants)
	return relayParent, descendants
}

// builtOn tells whether a parachain block was built on that relay parent.
func builtOn(block, relayParent *primitives.Header) bool {
	if root, ok := block.Digest.RelayStorageRoot(); ok {
		return root.Number == relayParent.Number && root.Root == relayParent.StateRoot
	}
	item, ok := block.Digest.Cumulus(primitives.CumulusRelayParent)
	return ok && item.RelayParent == relayParent.Hash()
}
