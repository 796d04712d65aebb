package relay

import (
	"errors"
	"fmt"
	"slices"

	"pileus/primitives"
	"pileus/scale"
)

// maxBlockSize is what the inherent may take of a block, in bytes (BlockLength of the
// relay runtimes). Their limit of execution time is not modelled.
const maxBlockSize = 5 << 20

// ErrNoRoom is the reason to drop what does not fit into the block.
var ErrNoRoom = errors.New("no room in the block")

// limitSize drops what is too much for a block, before anything is looked at more
// closely. All bitfields stay and candidates are chosen by chance, the neighbours of one
// para together, and those with new code first. If not even the bitfields fit, some of
// them stay and no candidates. Chance comes from the parent's hash, as blocks have no
// randomness of their own. (paras_inherent apply_weight_limit)
func (x *execution) limitSize(bitfields []primitives.SignedBitfield, backed []primitives.BackedCandidate) ([]primitives.SignedBitfield, []primitives.BackedCandidate, []Dropped) {
	fields := scale.CompactLen(uint64(len(bitfields)))
	for _, f := range bitfields {
		fields += fieldSize(f)
	}
	chains, total := neighbours(backed), fields
	for _, c := range chains {
		total += c.size
	}
	if total <= maxBlockSize {
		return bitfields, backed, nil
	}
	var dropped []Dropped
	chance := NewChaChaRand(x.parentHash)
	if fields > maxBlockSize {
		sizes := make([]int, len(bitfields))
		for i, f := range bitfields {
			sizes[i] = fieldSize(f)
		}
		picked := pick(chance, sizes, nil, maxBlockSize)
		var kept []primitives.SignedBitfield
		for i, f := range bitfields {
			if slices.Contains(picked, i) {
				kept = append(kept, f)
				continue
			}
			dropped = append(dropped, Dropped{What: fmt.Sprintf("bitfield of validator %d", f.Validator), Reason: ErrNoRoom.Error(), Err: ErrNoRoom, Validator: f.Validator})
		}
		return kept, nil, append(dropped, noRoom(backed)...)
	}
	sizes, preferred := make([]int, len(chains)), []int(nil)
	for i, c := range chains {
		sizes[i] = c.size
		if c.upgrades {
			preferred = append(preferred, i)
		}
	}
	picked := pick(chance, sizes, preferred, maxBlockSize-fields)
	var kept []primitives.BackedCandidate
	for i, c := range chains {
		if slices.Contains(picked, i) {
			kept = append(kept, c.list...)
			continue
		}
		dropped = append(dropped, noRoom(c.list)...)
	}
	return bitfields, kept, dropped
}

func fieldSize(f primitives.SignedBitfield) int {
	return scale.CompactLen(uint64(f.Bits.Len())) + (f.Bits.Len()+7)/8 + 4 + 64
}

func noRoom(list []primitives.BackedCandidate) (dropped []Dropped) {
	for i := range list {
		c := &candidate{BackedCandidate: &list[i], hash: list[i].Candidate.Hash()}
		dropped = append(dropped, droppedCandidate(c, "candidate", ErrNoRoom))
	}
	return dropped
}

// neighbouring are candidates of one para that stand next to each other.
type neighbouring struct {
	list     []primitives.BackedCandidate
	size     int
	upgrades bool
}

func neighbours(backed []primitives.BackedCandidate) (chains []neighbouring) {
	for i := range backed {
		c := &backed[i]
		if i == 0 || c.Candidate.Descriptor.Para() != backed[i-1].Candidate.Descriptor.Para() {
			chains = append(chains, neighbouring{})
		}
		last := &chains[len(chains)-1]
		last.list = append(last.list, *c)
		last.size += len(c.EncodeTo(nil))
		last.upgrades = last.upgrades || c.Candidate.Commitments.NewValidationCode != nil
	}
	return chains
}

// pick returns the indices of things that together are not larger than room: the preferred
// ones are tried first, in an order of chance, then the others (paras_inherent random_sel).
func pick(chance *ChaChaRand, sizes, preferred []int, room int) (picked []int) {
	var others []int
	for i := range sizes {
		if !slices.Contains(preferred, i) {
			others = append(others, i)
		}
	}
	for _, list := range [][]int{slices.Clone(preferred), others} {
		shuffle(chance, list)
		for _, i := range list {
			if sizes[i] <= room {
				room -= sizes[i]
				picked = append(picked, i)
			}
		}
	}
	return picked
}
