package parachain

import (
	"context"
	"errors"
	"fmt"

	"pileus/hashing"
	"pileus/metadata"
	"pileus/primitives"
	"pileus/runtimeapi"
	"pileus/scale"
	"pileus/trie"
)

// Keys of plain storage values, the same in every release that has them.
var (
	keyRelayNumber = hashing.StorageKey("ParachainSystem", "LastRelayChainBlockNumber")
	keyDmqHead     = hashing.StorageKey("ParachainSystem", "LastDmqMqcHead")
	keyHrmpHeads   = hashing.StorageKey("ParachainSystem", "LastHrmpMqcHeads")
	keyMessaging   = hashing.StorageKey("ParachainSystem", "RelevantMessagingState")
	keyWatermark   = hashing.StorageKey("ParachainSystem", "HrmpWatermark")
	keySegment     = hashing.StorageKey("ParachainSystem", "UnincludedSegment")
	keyCurrentSlot = hashing.StorageKey("Aura", "CurrentSlot")
	keyRelaySlot   = hashing.StorageKey("AuraExt", "RelaySlotInfo")
	keyTimestamp   = hashing.StorageKey("Timestamp", "Now")
	keyBlockWeight = hashing.StorageKey("System", "BlockWeight")
	keyParaID      = hashing.StorageKey("ParachainInfo", "ParachainId")
	keyEvents      = hashing.StorageKey("System", "Events")
)

// Facts are what a relay chain that a parachain is put on has to take up and to surpass,
// and what a collator asks the runtime before it plans.
type Facts struct {
	RelayNumber uint32          // of the last relay parent
	RelaySlot   primitives.Slot // of the last relay parent, from 0.20 of the crate on; else 0
	ParaSlot    primitives.Slot // the last of the parachain's own
	Timestamp   uint64          // of the last block, ms
	Watermark   uint32          // relay block up to which HRMP messages are received
	DmqHead     primitives.Hash // of the chain of downward messages
	HrmpHeads   []HrmpHead      // of the chains of horizontal messages, ascending by sender
	Egress      []HrmpChannel   // channels to other paras, as the last block saw them

	Info
}

// HrmpHead is where the chain of messages from one sender stands.
type HrmpHead struct {
	Sender primitives.ParaID
	Head   primitives.Hash
}

// MinRelayNumber is the lowest number of a relay parent that the parachain takes.
func (f *Facts) MinRelayNumber() uint32 { return max(f.RelayNumber, f.Watermark) + 1 }

// MinRelaySlot is the lowest slot of a relay parent that lies above everything stored:
// the last relay slot, the parachain's own slot, and the time of its last block.
func (f *Facts) MinRelaySlot() primitives.Slot {
	byParaSlot := (uint64(f.ParaSlot)+1)*f.SlotDuration/primitives.RelaySlotMillis + 1
	if f.ParaSlot == 0 {
		byParaSlot = 0
	}
	byTime := f.Timestamp/primitives.RelaySlotMillis + 1
	return max(f.RelaySlot+1, primitives.Slot(byParaSlot), primitives.Slot(byTime))
}

// Facts reads the facts from a state.
func (h *Host) Facts(ctx context.Context, s *trie.State) (f Facts, err error) {
	read := func(key []byte, into func(*scale.Decoder)) {
		v, ok, e := s.Top().Get(key, nil)
		if e == nil && ok {
			d := scale.NewDecoder(v)
			into(d)
			e = d.Err()
		}
		if e != nil {
			err = errors.Join(err, fmt.Errorf("read 0x%x of the state: %w", key, e))
		}
	}
	read(keyRelayNumber, func(d *scale.Decoder) { f.RelayNumber = d.U32() })
	read(keyRelaySlot, func(d *scale.Decoder) { f.RelaySlot = primitives.Slot(d.U64()) })
	read(keyCurrentSlot, func(d *scale.Decoder) { f.ParaSlot = primitives.Slot(d.U64()) })
	read(keyTimestamp, func(d *scale.Decoder) { f.Timestamp = d.U64() })
	read(keyWatermark, func(d *scale.Decoder) { f.Watermark = d.U32() })
	read(keyDmqHead, func(d *scale.Decoder) { d.Array(f.DmqHead[:]) })
	read(keyHrmpHeads, func(d *scale.Decoder) {
		f.HrmpHeads = scale.DecodeVecFunc(d, 1<<16, func(d *scale.Decoder) (x HrmpHead) {
			x.Sender = primitives.ParaID(d.U32())
			d.Array(x.Head[:])
			return x
		})
	})
	read(keyMessaging, func(d *scale.Decoder) { f.Egress = decodePeers(d).Egress })
	if err != nil {
		return f, err
	}
	f.Info, err = h.Info(ctx, s)
	return f, err
}

// Info is what a collator asks a runtime before it plans a block, each in the context in
// which a node asks it (cumulus-client-consensus-aura 0.36).
type Info struct {
	CodeHash primitives.Hash // validation code hash
	Version  *runtimeapi.Version
	// On-chain: by the code that the next block will run on.
	SlotDuration        uint64     // ms, of the parachain's own slots
	Authorities         [][32]byte // they author in turn
	SchedulingV3        bool
	RelayParentOffset   uint32
	MaxClaimQueueOffset *uint8 // nil if the runtime does not say
	// Off-chain.
	TargetBlockRate *uint32 // blocks per relay slot; nil if the runtime does not say: one per core
	KeysToProve     []runtimeapi.RelayProofKey
	SegmentAPI      uint32 // version of AuraUnincludedSegmentApi, 0 if absent
	CollationAPI    uint32 // version of CollectCollationInfo, 0 if absent
}

// Info asks the runtime of a state what a collator has to know.
func (h *Host) Info(ctx context.Context, s *trie.State) (i Info, err error) {
	on, err := h.CodeAt(ctx, s, OnChain)
	if err != nil {
		return i, err
	}
	off, err := h.CodeAt(ctx, s, OffChain)
	if err != nil {
		return i, err
	}
	i.CodeHash, i.Version = on.Hash, on.Version
	r := on.on(s)
	var missing *runtimeapi.NoAPIError
	ask := func(err error) error {
		if errors.As(err, &missing) {
			return nil
		}
		return err
	}
	var offset uint8
	var rate uint32
	if i.SlotDuration, err = r.SlotDuration(ctx); err != nil {
		return i, err
	}
	if i.Authorities, err = r.Authorities(ctx); err != nil {
		return i, err
	}
	if i.SchedulingV3, err = r.SchedulingV3Enabled(ctx); err != nil {
		return i, err
	}
	if i.RelayParentOffset, err = r.RelayParentOffset(ctx); err != nil {
		return i, err
	}
	if offset, err = r.MaxClaimQueueOffset(ctx); ask(err) != nil {
		return i, err
	} else if err == nil {
		i.MaxClaimQueueOffset = &offset
	}
	r = off.on(s)
	if rate, err = r.TargetBlockRate(ctx); ask(err) != nil {
		return i, err
	} else if err == nil {
		i.TargetBlockRate = &rate
	}
	i.SegmentAPI, _ = r.API(runtimeapi.AuraUnincludedSegmentApi)
	i.CollationAPI, _ = r.API(runtimeapi.CollectCollationInfo)
	i.KeysToProve, err = r.KeysToProve(ctx)
	return i, err
}

// Weight is what a block weighs: time in picoseconds, and bytes of proof.
type Weight struct{ RefTime, ProofSize uint64 }

// BlockWeight is the weight of the block that a state is the result of, over all classes
// (System.BlockWeight, which stays until the next block). It is zero where the state does not have it.
func BlockWeight(s *trie.State) (w Weight) {
	v, ok, err := s.Top().Get(keyBlockWeight, nil)
	if err != nil || !ok {
		return w
	}
	return decodeBlockWeight(v)
}

func decodeBlockWeight(v []byte) (w Weight) {
	d := scale.NewDecoder(v)
	for range 3 { // normal, operational, mandatory
		w.RefTime += d.Compact()
		w.ProofSize += d.Compact()
	}
	if d.Finish() != nil {
		return Weight{}
	}
	return w
}

// SegmentLength is the length of the unincluded segment in the state after a block.
func SegmentLength(s *trie.State) int {
	v, ok, err := s.Top().Get(keySegment, nil)
	if err != nil || !ok {
		return 0
	}
	d := scale.NewDecoder(v)
	n := d.Len(1<<16, 3)
	if d.Err() != nil {
		return 0
	}
	return n
}

// Events are the events of a block, read from the state after it. The code must be the
// one that the block ran on.
func (c *Code) Events(ctx context.Context, s *trie.State) ([]metadata.Event, error) {
	m, err := c.Metadata(ctx)
	if err != nil {
		return nil, err
	}
	v, ok, err := s.Top().Get(keyEvents, nil)
	if err != nil || !ok {
		return nil, err
	}
	return m.Events(v)
}
