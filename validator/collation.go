package validator

import (
	"fmt"
	"time"

	"pileus/primitives"
)

// adState is where an advertisement stands.
//
//	blocked ◄──► waiting ──► fetching ──► validating ──► done
//	                            └─► held ──┘
//	   any of them ──► refused
type adState uint8

const (
	adBlocked adState = iota
	adWaiting
	adFetching
	adHeld // fetched, but nobody has told the parent's head data yet
	adValidating
	adDone // we made a statement about the candidate
	adRefused
)

// advertisement is a collator's offer at one scheduling parent.
type advertisement struct {
	Advertised
	block *block
	state adState
	fetch uint64
	held  *CollationFetched
	late  bool // the fetch takes so long that others need not wait for it
}

// counts tells whether the offer takes a claim of the claim queue.
func (ad *advertisement) counts() bool { return ad.state >= adWaiting && ad.state <= adDone }

// advertised admits an offer or turns it down (polkadot_collator_protocol validator_side::handle_advertisement).
func (n *Node) advertised(in Advertised) {
	b := n.blocks[in.SchedulingParent]
	if b == nil {
		n.wait(in.SchedulingParent, in)
		return
	}
	if in.RelayParent.IsZero() {
		in.RelayParent = in.SchedulingParent
	}
	ad := &advertisement{Advertised: in, block: b}
	if why := n.admissible(ad); why != nil {
		n.emit(Note{Kind: NoteRefused, Candidate: in.CandidateHash, Para: in.Para, Core: b.myCore, SchedulingParent: b.Hash, Reason: why.reason, Detail: why.detail, Collator: in.From})
		return
	}
	r := n.record(in.CandidateHash, in.Para, b.Hash)
	r.stage = max(r.stage, StageOffered)
	b.ads = append(b.ads, ad)
	n.emit(Note{Kind: NoteOffered, Candidate: in.CandidateHash, Para: in.Para, Core: b.myCore, SchedulingParent: b.Hash, Stage: StageOffered, Collator: in.From})
	if n.consider(ad) {
		n.emit(Note{Kind: NoteBlocked, Candidate: in.CandidateHash, Para: in.Para, Core: b.myCore, SchedulingParent: b.Hash, Stage: StageOffered, Reason: r.why.reason, Detail: r.why.detail, Collator: in.From})
	}
}

func (n *Node) admissible(ad *advertisement) *refusal {
	b := ad.block
	switch {
	case !n.live(b):
		return &refusal{SchedulingParentUnknown, fmt.Sprintf("#%d is in no active leaf's window", b.Number)}
	case !b.assigned || b.claims(b.myCore, ad.Para) == 0:
		return &refusal{NotAssigned, fmt.Sprintf("core %d has no claim of para %d", b.myCore, ad.Para)}
	}
	if ad.Version == primitives.DescriptorV3 {
		if why := n.v3InTime(b); why != nil {
			return why
		}
	} else if ad.RelayParent != ad.SchedulingParent {
		return &refusal{RelayParentDiffers, "only V3 may have a scheduling parent of its own"}
	}
	sent := 0
	for _, old := range b.ads {
		if old.From != ad.From {
			continue
		}
		if old.CandidateHash == ad.CandidateHash {
			return &refusal{DuplicateAdvertisement, string(ad.From)}
		}
		sent++
	}
	if limit := n.advertisementLimit(b); sent >= limit {
		return &refusal{TooManyAdvertisements, fmt.Sprintf("%d from one peer on one scheduling parent", limit)}
	}
	return nil
}

func (n *Node) advertisementLimit(b *block) int {
	if n.cfg.Classic {
		return int(b.config.AsyncBackingParams.MaxCandidateDepth) + 1
	}
	return n.window(b)
}

// v3InTime is the rule for V3: the scheduling parent is a leaf of the previous slot, or the parent of a leaf of
// this slot. So after a missed slot nothing is taken until a new leaf comes.
func (n *Node) v3InTime(b *block) *refusal {
	if !b.feature(primitives.FeatureCandidateReceiptV3) {
		return &refusal{V3NotEnabled, ""}
	}
	slot := primitives.Slot(n.now / (primitives.RelaySlotMillis * time.Millisecond))
	for _, leaf := range n.leaves {
		if leaf == b && slot == leaf.slot+1 || leaf.header.ParentHash == b.Hash && leaf.slot == slot {
			return nil
		}
	}
	return &refusal{V3OutOfTime, fmt.Sprintf("slot %d, scheduling parent of slot %d", slot, b.slot)}
}

// consider looks whether an offer that is not yet taken up can be: it needs a place in a chain of some active
// leaf, and a free claim. It returns whether the offer waits for a place.
func (n *Node) consider(ad *advertisement) (blocked bool) {
	r := n.records[ad.CandidateHash]
	if why := n.membershipOf(ad.Para, ad.CandidateHash, ad.ParentHeadHash, ad.SchedulingParent); why != nil {
		ad.state = adBlocked
		r.why = *why
		return true
	}
	if why := n.claimFree(ad); why != nil {
		ad.state = adRefused
		n.refuse(r, ad.block.myCore, ad.From, *why)
		return false
	}
	ad.state = adWaiting
	n.dequeue(ad.block)
	return false
}

// claimFree tells whether the claim queue has room for one more collation. Of the leaf's claims of the core, a
// scheduling parent d blocks behind the leaf may use the positions 0 … L-1-d that the para holds; from
// the oldest one on, every collation takes the first free position. The new one and all of newer
// scheduling parents must still find one, under any of the forks.
// (polkadot_collator_protocol validator_side::ClaimQueueState)
func (n *Node) claimFree(ad *advertisement) *refusal {
	if n.cfg.Classic {
		if limit := n.advertisementLimit(ad.block); ad.block.collations(ad) >= limit {
			return &refusal{NoFreeClaim, fmt.Sprintf("%d collations on one relay parent", limit)}
		}
		return nil
	}
	for _, leaf := range n.leaves {
		if leaf.inView(ad.block) && n.fits(leaf, ad) {
			return nil
		}
	}
	return &refusal{NoFreeClaim, fmt.Sprintf("core %d has no free claim of para %d", ad.block.myCore, ad.Para)}
}

func (n *Node) fits(leaf *block, ad *advertisement) bool {
	core := ad.block.myCore
	claims := leaf.queue[core]
	taken := make([]bool, len(claims))
	take := func(sp *block) bool {
		for i := 0; i < len(claims) && i < n.window(leaf)-int(leaf.Number-sp.Number); i++ {
			if claims[i] == ad.Para && !taken[i] {
				taken[i] = true
				return true
			}
		}
		return false
	}
	reached := false
	for i := len(leaf.parents) - 1; i >= 0; i-- {
		sp := leaf.parents[i]
		if sp.assigned && sp.myCore == core {
			for range sp.collations(ad) {
				if !take(sp) && reached {
					return false
				}
			}
		}
		if sp == ad.block {
			if !take(sp) {
				return false
			}
			reached = true
		}
	}
	return reached
}

// collations counts what takes claims of the para at the scheduling parent, without the offer itself.
func (b *block) collations(but *advertisement) (count int) {
	for _, ad := range b.ads {
		if ad != but && ad.Para == but.Para && ad.counts() {
			count++
		}
	}
	return count
}

// dequeue starts the next fetch at the scheduling parent unless one collation is being fetched or validated.
func (n *Node) dequeue(b *block) {
	for _, ad := range b.ads {
		if ad.state == adFetching && !ad.late || ad.state == adValidating {
			return
		}
	}
	n.startNext(b)
}

// startNext fetches the oldest offer that waits.
func (n *Node) startNext(b *block) {
	for _, ad := range b.ads {
		if ad.state != adWaiting || n.work[ad.CandidateHash] != nil {
			continue
		}
		if b.signed[ad.CandidateHash] { // seconded by another validator and found valid meanwhile
			ad.state = adDone
			continue
		}
		if n.failed[ad.CandidateHash] { // or found invalid
			ad.state = adRefused
			continue
		}
		if why := n.membershipOf(ad.Para, ad.CandidateHash, ad.ParentHeadHash, ad.SchedulingParent); why != nil {
			ad.state = adBlocked
			n.records[ad.CandidateHash].why = *why
			continue
		}
		ad.state, ad.fetch, ad.late = adFetching, n.id(), false
		n.fetches[ad.fetch] = ad
		n.reached(ad.CandidateHash, StageFetching)
		n.emit(FetchCollation{ad.fetch, ad.From, ad.Para, b.Hash, ad.CandidateHash})
		n.emit(SetTimer{n.now + NextPeerDelay, TimerKey{TimerNextPeer, b.Hash, ad.fetch}})
		return
	}
}

// retryBlocked looks again at the offers without a place, after a leaf came or something was seconded.
func (n *Node) retryBlocked() {
	for _, b := range n.order {
		if !b.open {
			continue
		}
		for _, ad := range b.ads {
			switch {
			case ad.state == adBlocked:
				n.consider(ad)
			case ad.state == adHeld && n.headKnown(ad):
				n.take(ad, ad.held)
			}
		}
	}
}

// headKnown tells whether the chains know the parent of a collation that came without its head data.
func (n *Node) headKnown(ad *advertisement) bool {
	_, why := n.validationData(ad.block, &ad.held.Receipt.Descriptor, nil, ad.ParentHeadHash)
	return why == nil
}

// collationFetched checks that the collation is what was offered, finds its validation data and hands it to backing.
func (n *Node) collationFetched(in CollationFetched) {
	ad := n.fetches[in.ID]
	if ad == nil {
		return
	}
	delete(n.fetches, in.ID)
	n.take(ad, &in)
}

// take hands a fetched collation on. One whose parent is not known yet is held until the parent has been seconded.
func (n *Node) take(ad *advertisement, in *CollationFetched) {
	r := n.records[ad.CandidateHash]
	ad.held = nil
	if ad.block.signed[ad.CandidateHash] {
		ad.state = adDone
		n.dequeue(ad.block)
		return
	}
	if n.work[ad.CandidateHash] != nil { // already at work on another validator's word
		ad.state = adWaiting
		return
	}
	pvd, why := n.sane(ad, in)
	if why == nil {
		r.stage = max(r.stage, StageFetched)
		ad.state = adValidating
		j := &job{candidate: ad.CandidateHash, block: ad.block, receipt: in.Receipt, pvd: pvd, pov: in.PoV, ad: ad}
		n.work[j.candidate] = j
		n.check(j)
		return
	}
	if why.reason == ParentHeadUnknown {
		ad.state, ad.held, r.why = adHeld, in, *why
		n.emit(Note{Kind: NoteBlocked, Candidate: r.hash, Para: r.para, Core: ad.block.myCore, SchedulingParent: r.sp, Stage: r.stage, Reason: why.reason, Detail: why.detail, Collator: ad.From})
		n.dequeue(ad.block)
		return
	}
	ad.state = adRefused
	n.refuse(r, ad.block.myCore, ad.From, *why)
	n.dequeue(ad.block)
}

func (n *Node) sane(ad *advertisement, in *CollationFetched) (*primitives.PersistedValidationData, *refusal) {
	if in.Err != nil {
		return nil, &refusal{FetchFailed, in.Err.Error()}
	}
	b, d := ad.block, &in.Receipt.Descriptor
	if why := n.descriptorFits(b, d); why != nil {
		return nil, why
	}
	switch {
	case in.PoV == nil:
		return nil, &refusal{FetchFailed, "no PoV"}
	case in.Receipt.Hash() != ad.CandidateHash:
		return nil, &refusal{CandidateHashDiffers, in.Receipt.Hash().Short()}
	case d.Para() != ad.Para:
		return nil, &refusal{WrongPara, fmt.Sprintf("%d", d.Para())}
	case d.SchedulingParent() != b.Hash:
		return nil, &refusal{SchedulingParentUnknown, "the descriptor names another than the advertisement"}
	case d.RelayParent() != ad.RelayParent:
		return nil, &refusal{RelayParentDiffers, "the descriptor names another than the advertisement"}
	case ad.Version != primitives.DescriptorUnknown && ad.Version != d.Version():
		return nil, &refusal{DescriptorVersion, "the descriptor has another than the advertisement"}
	case ad.Version == primitives.DescriptorUnknown && d.Version() == primitives.DescriptorV3:
		return nil, &refusal{DescriptorVersion, "V3 needs collation protocol 3"}
	case in.ParentHead != nil && primitives.ParaHeadHash(in.ParentHead) != ad.ParentHeadHash:
		return nil, &refusal{ParentHeadDiffers, "the head data sent is not what the advertisement names"}
	}
	if core, named := d.Core(); named && core != b.myCore {
		return nil, &refusal{CoreDiffers, fmt.Sprintf("core %d, our group serves %d", core, b.myCore)}
	}
	pvd, why := n.validationData(b, d, in.ParentHead, ad.ParentHeadHash)
	if why == nil && pvd.Hash() != d.PVDHash() {
		why = &refusal{PVDHashMismatch, fmt.Sprintf("expected parent head of %d bytes, relay parent #%d, PoV limit %d", len(pvd.ParentHead), pvd.RelayParentNumber, pvd.MaxPoVSize)}
	}
	return pvd, why
}

// descriptorFits checks version and sessions of a descriptor whose scheduling parent is the block. V3 is taken
// only once a final block's session knows it too (polkadot_node_core_backing).
func (n *Node) descriptorFits(b *block, d *primitives.Descriptor) *refusal {
	if !d.Acceptable(n.v3 && b.feature(primitives.FeatureCandidateReceiptV3)) {
		return &refusal{DescriptorVersion, fmt.Sprintf("version %d is not allowed here", d.Version())}
	}
	if s, named := d.SchedulingSession(); named && s != b.session {
		return &refusal{SessionDiffers, fmt.Sprintf("scheduling session %d, the scheduling parent has %d", s, b.session)}
	}
	return nil
}
