package relay

import (
	"cmp"
	"maps"
	"slices"

	"pileus/primitives"
	"pileus/scale"
)

// schedulingParents are the blocks on which a candidate may be scheduled, oldest first,
// each with the claim queue as it was seen there. The last one is block latest.
// (shared::AllowedSchedulingParentsTracker)
type schedulingParents struct {
	buffer []schedulingParent
	latest uint32
}

type schedulingParent struct {
	hash  Hash
	queue primitives.TransposedClaimQueue
}

func (s schedulingParents) EncodeTo(b []byte) []byte {
	b = scale.AppendVecFunc(b, s.buffer, func(b []byte, p schedulingParent) []byte {
		b = append(b, p.hash[:]...)
		b = scale.AppendCompact(b, uint64(len(p.queue)))
		for _, para := range slices.Sorted(maps.Keys(p.queue)) {
			b = para.EncodeTo(b)
			depths := p.queue[para]
			b = scale.AppendCompact(b, uint64(len(depths)))
			for _, depth := range slices.Sorted(maps.Keys(depths)) {
				b = scale.AppendVec(append(b, depth), depths[depth])
			}
		}
		return b
	})
	return scale.AppendU32(b, s.latest)
}

func (s *schedulingParents) DecodeFrom(d *scale.Decoder) {
	s.buffer = scale.DecodeVecFunc(d, maxList, func(d *scale.Decoder) (p schedulingParent) {
		d.Array(p.hash[:])
		p.queue = primitives.TransposedClaimQueue{}
		for n := d.Len(maxList, 5); n > 0 && d.Err() == nil; n-- {
			para, depths := primitives.ParaID(d.U32()), map[uint8][]primitives.CoreIndex{}
			for m := d.Len(256, 2); m > 0 && d.Err() == nil; m-- {
				depth := d.U8()
				depths[depth] = scale.DecodeVecFunc(d, maxList, func(d *scale.Decoder) primitives.CoreIndex { return primitives.CoreIndex(d.U32()) })
			}
			p.queue[para] = depths
		}
		return p
	})
	s.latest = d.U32()
}

// find returns the number of a scheduling parent and the claim queue at it.
func (s schedulingParents) find(hash Hash) (number uint32, queue primitives.TransposedClaimQueue, ok bool) {
	for i, p := range s.buffer {
		if p.hash == hash {
			return s.latest - uint32(len(s.buffer)-1-i), p.queue, true
		}
	}
	return 0, nil, false
}

// push adds the parent of the present block and forgets what is older than lookahead blocks.
func (s schedulingParents) push(hash Hash, queue primitives.TransposedClaimQueue, number, lookahead uint32) schedulingParents {
	if _, _, known := s.find(hash); known {
		return s
	}
	buffer := append(slices.Clone(s.buffer), schedulingParent{hash, queue})
	if over := len(buffer) - int(max(lookahead, 1)); over > 0 {
		buffer = slices.Clone(buffer[over:])
	}
	return schedulingParents{buffer, number}
}

// transposed turns a claim queue round: para, depth, cores in ascending order.
func transposed(queue map[primitives.CoreIndex][]primitives.ParaID) primitives.TransposedClaimQueue {
	t := primitives.TransposedClaimQueue{}
	for _, core := range slices.Sorted(maps.Keys(queue)) {
		for depth, para := range queue[core] {
			if t[para] == nil {
				t[para] = map[uint8][]primitives.CoreIndex{}
			}
			t[para][uint8(depth)] = append(t[para][uint8(depth)], core)
		}
	}
	return t
}

type relayParentKey struct {
	session primitives.SessionIndex
	hash    Hash
}

// relayParentInfo is what a candidate's execution context is made of.
type relayParentInfo struct {
	number uint32
	root   Hash
}

func (i relayParentInfo) EncodeTo(b []byte) []byte {
	return append(scale.AppendU32(b, i.number), i.root[:]...)
}

func (i *relayParentInfo) DecodeFrom(d *scale.Decoder) { i.number = d.U32(); d.Array(i.root[:]) }

// allowParent takes the parent of the present block among the allowed scheduling and
// relay parents; it is the first step of the inherent (shared::Pallet::new_block).
//
// The claim queue is computed before this block's claims are taken but with the clock of
// the next block. So it is what the API answered at the parent, except around the start
// or end of a schedule and for on-demand orders, which appear one position early.
func (x *execution) allowParent() {
	number := x.now - 1
	queue := transposed(claimQueue(x.tx, x.now+1, x.params.lookahead(x.config)))
	parents := itemSchedulingBuffer.or(x.tx).push(x.parentHash, queue, number, x.params.lookahead(x.config))
	itemSchedulingBuffer.put(x.tx, parents)
	itemRelayParents.at(relayParentKey{x.session, x.parentHash}).put(x.tx, relayParentInfo{number, x.parentRoot})
	if first := itemMinimumRPNumber.at(x.session); !first.has(x.tx) {
		first.put(x.tx, number)
	}
}

// forgetSchedulingParents empties the buffer at a session change and drops the relay
// parents of sessions that are too old by then (shared::initializer_on_new_session).
func (x *execution) forgetSchedulingParents(session primitives.SessionIndex) {
	itemSchedulingBuffer.put(x.tx, schedulingParents{latest: itemSchedulingBuffer.or(x.tx).latest})
	oldest := itemOldestSession.or(x.tx)
	keepFrom := session - min(session, primitives.SessionIndex(x.config.MaxRelayParentSessionAge))
	for ; oldest < keepFrom; oldest++ {
		itemMinimumRPNumber.at(oldest).del(x.tx)
		x.deletePrefix(itemRelayParents.prefix + string(twoxU32(oldest)))
	}
	itemOldestSession.put(x.tx, oldest)
}

// deletePrefix deletes every key of the parent state and of this block that starts so.
func (x *execution) deletePrefix(prefix string) {
	it, err := x.tx.trie.Iter([]byte(prefix), nil, nil)
	for err == nil {
		var key []byte
		var ok bool
		if key, ok, err = it.Next(); !ok {
			break
		}
		x.tx.changed[string(key)] = change{}
	}
	if err != nil {
		panic("relay: iterate state: " + err.Error())
	}
	for key := range x.tx.changed {
		if len(key) >= len(prefix) && key[:len(prefix)] == prefix {
			x.tx.changed[key] = change{}
		}
	}
}

// relayParent looks a candidate's relay parent up: V1 in the current session, V2 and V3
// in the session they name.
func relayParent(r reader, d *primitives.Descriptor) (relayParentInfo, bool) {
	session, ok := d.Session()
	if !ok {
		session = itemSharedSession.or(r)
	}
	return itemRelayParents.at(relayParentKey{session, d.RelayParent()}).get(r)
}

// minimumRelayParent is the floor of the relay parent numbers of all paras.
func minimumRelayParent(r reader, now uint32) uint32 {
	if n, ok := itemMinimumRPNumber.at(itemOldestSession.or(r)).get(r); ok {
		return n
	}
	return now
}

func sortParas[T any](list []T, para func(T) primitives.ParaID) {
	slices.SortStableFunc(list, func(a, b T) int { return cmp.Compare(para(a), para(b)) })
}
