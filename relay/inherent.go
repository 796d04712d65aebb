package relay

import (
	"errors"
	"fmt"

	"pileus/primitives"
)

// Dropped is something that the validators offered and that cannot stand in a block.
type Dropped struct {
	What      string                    // "bitfield of validator 3", "candidate 0x1234… of para 1000"
	Reason    string                    // why, in the words of the released runtimes where they have some
	Err       error                     // the reason, to branch on
	Candidate primitives.CandidateHash  // of a candidate
	Validator primitives.ValidatorIndex // of a bitfield or a vote
}

// CreateInherent leaves out of raw what cannot stand in a block on top of the parent that
// claims the slot, and orders the rest: candidates by ascending para, in the order of their
// chain within a para. [Apply] accepts exactly what it returns. (ParaInherent create_inherent)
func CreateInherent(parent *State, parentHeader *primitives.Header, pre PreDigest, raw *primitives.ParachainsInherentData) (*primitives.ParachainsInherentData, []Dropped, error) {
	x, err := begin(parent, parentHeader, pre)
	if err != nil {
		return nil, nil, err
	}
	return x.process(raw)
}

// ErrParentHeader is the cause of an error about an inherent with another parent header
// than the block's.
var ErrParentHeader = errors.New("InvalidParentHeader")

// enter executes the inherent of a block as it is: nothing may be left to filter.
func (x *execution) enter(data *primitives.ParachainsInherentData) error {
	kept, dropped, err := x.process(data)
	if err != nil {
		return err
	}
	if len(dropped) > 0 {
		return fmt.Errorf("%w: %s: %w", ErrFiltered, dropped[0].What, dropped[0].Err)
	}
	for i := range kept.Backed {
		if kept.Backed[i].Candidate.Hash() != data.Backed[i].Candidate.Hash() {
			return fmt.Errorf("%w: candidates are not grouped by ascending para", ErrFiltered)
		}
	}
	return nil
}

// process is what create and enter share: it executes the inherent and returns what of it
// stood, in the order that a block must have, and what it dropped.
// (paras_inherent process_inherent_data, without disputes)
func (x *execution) process(data *primitives.ParachainsInherentData) (*primitives.ParachainsInherentData, []Dropped, error) {
	if data.ParentHeader.Hash() != x.parentHash {
		return nil, nil, ErrParentHeader
	}
	x.allowParent()
	offered, candidates, dropped := x.limitSize(data.Bitfields, data.Backed)
	bitfields, bad := x.sanitizeBitfields(offered)
	dropped = append(dropped, bad...)
	x.enactAvailable(bitfields)
	x.freeTimedOut()
	occupied := map[primitives.CoreIndex]bool{}
	for _, para := range itemParas.or(x.tx) {
		for _, c := range itemPendingCandidates.at(para).or(x.tx) {
			occupied[c.Core] = true
		}
	}
	eligible := x.advanceClaims(func(c primitives.CoreIndex) bool { return occupied[c] })
	backed, unbacked := x.sanitizeCandidates(candidates, eligible)
	dropped = append(dropped, unbacked...)
	kept := &primitives.ParachainsInherentData{Bitfields: bitfields, ParentHeader: data.ParentHeader}
	for _, c := range backed {
		x.back(c)
		kept.Backed = append(kept.Backed, *c.BackedCandidate)
		delete(eligible, c.core)
	}
	for _, core := range sortedKeys(eligible) {
		if c := eligible[core]; !c.bonus {
			x.emit(Event{Kind: ClaimLost, Para: c.para, Core: core})
		}
	}
	return kept, dropped, nil
}

// Reasons to drop a bitfield.
var (
	ErrBitfieldLength    = errors.New("the bitfield has not one bit for each core")
	ErrBitfieldOrder     = errors.New("validators are not strictly ascending")
	ErrBitfieldValidator = errors.New("no such validator")
	ErrBitfieldSignature = errors.New("invalid bitfield signature")
)

// sanitizeBitfields drops what no validator of the session has signed for this block.
func (x *execution) sanitizeBitfields(list []primitives.SignedBitfield) (kept []primitives.SignedBitfield, dropped []Dropped) {
	validators, cores := itemActiveKeys.or(x.tx), len(itemGroups.or(x.tx))
	ctx := primitives.SigningContext{Session: x.session, Parent: x.parentHash}
	last := -1
	for _, f := range list {
		err := error(nil)
		switch {
		case f.Bits.Len() != cores:
			err = fmt.Errorf("%w: %d bits, %d cores", ErrBitfieldLength, f.Bits.Len(), cores)
		case int64(f.Validator) <= int64(last):
			err = ErrBitfieldOrder
		case int64(f.Validator) >= int64(len(validators)):
			err = ErrBitfieldValidator
		default:
			last = int(f.Validator) // even if the signature turns out wrong
			if !x.params.verify(f.Signature, primitives.BitfieldPayload(f.Bits, ctx), validators[f.Validator]) {
				err = ErrBitfieldSignature
			}
		}
		if err != nil {
			dropped = append(dropped, Dropped{What: fmt.Sprintf("bitfield of validator %d", f.Validator), Reason: err.Error(), Err: err, Validator: f.Validator})
			continue
		}
		kept = append(kept, f)
	}
	return kept, dropped
}
