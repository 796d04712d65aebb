package runtimeapi

import (
	"context"
	"errors"

	"pileus/primitives"
	"pileus/scale"
)

// ErrSlotDuration says that a runtime's slots have no length.
var ErrSlotDuration = errors.New("AuraApi_slot_duration: the runtime says 0 ms")

// SlotDuration is the length of the parachain's own slots in milliseconds (AuraApi_slot_duration).
func (r *Runtime) SlotDuration(ctx context.Context) (uint64, error) {
	ms, err := call(ctx, r, AuraApi, "slot_duration", nil, (*scale.Decoder).U64)
	if err == nil && ms == 0 {
		return 0, ErrSlotDuration
	}
	return ms, err
}

// Authorities are the keys whose owners author in turn, slot by slot (AuraApi_authorities).
func (r *Runtime) Authorities(ctx context.Context) ([][32]byte, error) {
	return call(ctx, r, AuraApi, "authorities", nil, func(d *scale.Decoder) [][32]byte {
		return scale.DecodeVecFunc(d, maxItems, func(d *scale.Decoder) (k [32]byte) { d.Array(k[:]); return k })
	})
}

// CanBuildUpon asks whether the unincluded segment has room for another block
// (AuraUnincludedSegmentApi_can_build_upon): included is the newest parachain block that
// the relay chain has included. Version 1 of the API is asked about the slot of the
// parachain, version 2 about that of the relay chain. Without the API a node builds only on the included block.
func (r *Runtime) CanBuildUpon(ctx context.Context, included primitives.Hash, paraSlot, relaySlot primitives.Slot) (bool, error) {
	version, err := r.need(AuraUnincludedSegmentApi, 1)
	if err != nil {
		return false, err
	}
	slot := relaySlot
	if version < 2 {
		slot = paraSlot
	}
	args := scale.AppendU64(included[:len(included):len(included)], uint64(slot))
	return call(ctx, r, AuraUnincludedSegmentApi, "can_build_upon", args, (*scale.Decoder).Bool)
}

// CollationInfo asks, on the state after a block, what a candidate with that block
// commits to (CollectCollationInfo_collect_collation_info). Version 1 knew no head data:
// there it is the header itself. Without the API no collation can be made.
func (r *Runtime) CollationInfo(ctx context.Context, h *primitives.Header) (*primitives.CollationInfo, error) {
	version, err := r.need(CollectCollationInfo, 1)
	if err != nil {
		return nil, err
	}
	header := h.EncodeTo(nil)
	args := header
	if version < 2 {
		args = nil
	}
	info, err := call(ctx, r, CollectCollationInfo, "collect_collation_info", args, func(d *scale.Decoder) (i primitives.CollationInfo) {
		if version < 2 {
			i.DecodeV1(d)
			i.HeadData = header
			return i
		}
		i.DecodeFrom(d)
		return i
	})
	if err != nil {
		return nil, err
	}
	return &info, nil
}

// BlockDataVersion is the form of block data that the runtime's validate_block reads:
// V1 from version 3 of CollectCollationInfo on, V0 before. With a scheduling proof V1 becomes V2.
func (r *Runtime) BlockDataVersion() primitives.BlockDataVersion {
	if v, _ := r.API(CollectCollationInfo); v >= 3 {
		return primitives.BlockDataV1
	}
	return primitives.BlockDataV0
}

// ParachainID is the id that the runtime has (GetParachainInfo_parachain_id).
func (r *Runtime) ParachainID(ctx context.Context) (primitives.ParaID, error) {
	return call(ctx, r, GetParachainInfo, "parachain_id", nil, func(d *scale.Decoder) primitives.ParaID {
		return primitives.ParaID(d.U32())
	})
}

// RelayParentOffset is how many blocks a relay parent has to be behind the relay chain's
// tip (RelayParentOffsetApi_relay_parent_offset), 0 without the API.
func (r *Runtime) RelayParentOffset(ctx context.Context) (uint32, error) {
	if _, ok := r.API(RelayParentOffsetApi); !ok {
		return 0, nil
	}
	return call(ctx, r, RelayParentOffsetApi, "relay_parent_offset", nil, (*scale.Decoder).U32)
}

// MaxClaimQueueOffset is how deep in the claim queue a core may be selected
// (RelayParentOffsetApi_max_claim_queue_offset). It needs version 2 of the API; without
// it a collator takes 0 with candidates of version 2, and 2 with those of version 3.
func (r *Runtime) MaxClaimQueueOffset(ctx context.Context) (uint8, error) {
	if _, err := r.need(RelayParentOffsetApi, 2); err != nil {
		return 0, err
	}
	return call(ctx, r, RelayParentOffsetApi, "max_claim_queue_offset", nil, (*scale.Decoder).U8)
}

// TargetBlockRate is how many blocks the parachain wants per relay slot
// (TargetBlockRate_target_block_rate). Without the API it is one per assigned core.
func (r *Runtime) TargetBlockRate(ctx context.Context) (uint32, error) {
	return call(ctx, r, TargetBlockRate, "target_block_rate", nil, (*scale.Decoder).U32)
}

// SchedulingV3Enabled tells whether candidates carry a scheduling parent of their own
// (SchedulingV3EnabledApi_scheduling_v3_enabled), false without the API.
func (r *Runtime) SchedulingV3Enabled(ctx context.Context) (bool, error) {
	if _, ok := r.API(SchedulingV3EnabledApi); !ok {
		return false, nil
	}
	return call(ctx, r, SchedulingV3EnabledApi, "scheduling_v3_enabled", nil, (*scale.Decoder).Bool)
}

// RelayProofKey is a key of the relay chain's state that the runtime wants proven.
type RelayProofKey struct {
	Child []byte // id of a child trie, without prefix; nil for the main trie
	Key   []byte
}

// KeysToProve are the keys of the relay chain's state that the runtime wants in the
// relay state proof besides the usual ones (KeyToIncludeInRelayProof_keys_to_prove), none without the API.
func (r *Runtime) KeysToProve(ctx context.Context) ([]RelayProofKey, error) {
	if _, ok := r.API(KeyToIncludeInRelayProof); !ok {
		return nil, nil
	}
	return call(ctx, r, KeyToIncludeInRelayProof, "keys_to_prove", nil, func(d *scale.Decoder) []RelayProofKey {
		return scale.DecodeVecFunc(d, maxItems, func(d *scale.Decoder) (k RelayProofKey) {
			switch v := d.Variant(); v {
			case 0:
			case 1:
				k.Child = d.Bytes(maxBytes)
			default:
				d.UnknownVariant("RelayStorageKey", v)
			}
			k.Key = d.Bytes(maxBytes)
			return k
		})
	})
}
