package relay

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"pileus/primitives"
	"pileus/scale"
	"pileus/trie"
)

// Restore is the state that a trie of this package holds, without the block's events.
func Restore(t *trie.Trie, params Params) *State {
	return &State{store: &store{trie: t, vals: map[string]any{}}, params: params, restored: true}
}

// Errors of [State.CallHost].
var (
	ErrNoFunction = errors.New("the embedded relay chain has no such function: it has no Wasm runtime, and answers ParachainHost_* only")
	ErrNoEvents   = errors.New("the events of that block are not kept")
)

// hostCall is a function of the ParachainHost runtime API: it reads its arguments and
// appends its encoded result.
type hostCall func(s *State, d *scale.Decoder, b []byte) []byte

// hostCalls are the functions of ParachainHost that the embedded relay chain answers, in
// the encoding of polkadot_primitives::runtime_api. Those about disputes, approvals and
// slashes are not among them: there are none.
var hostCalls = map[string]hostCall{
	"session_index_for_child": func(s *State, _ *scale.Decoder, b []byte) []byte {
		return scale.AppendU32(b, uint32(s.SessionIndexForChild()))
	},
	"validators": func(s *State, _ *scale.Decoder, b []byte) []byte {
		return scale.AppendVecFunc(b, s.Validators(), func(b []byte, k [32]byte) []byte { return append(b, k[:]...) })
	},
	"validator_groups": func(s *State, _ *scale.Decoder, b []byte) []byte {
		groups, rotation := s.ValidatorGroups()
		b = scale.AppendVecFunc(b, groups, func(b []byte, g []primitives.ValidatorIndex) []byte { return appendIDs(b, g) })
		return rotation.EncodeTo(b)
	},
	"availability_cores": func(s *State, _ *scale.Decoder, b []byte) []byte {
		return scale.AppendVecFunc(b, s.AvailabilityCores(), func(b []byte, c primitives.CoreState) []byte { return c.EncodeTo(b) })
	},
	"claim_queue": func(s *State, _ *scale.Decoder, b []byte) []byte {
		return appendMap(b, s.ClaimQueue(), func(b []byte, paras []primitives.ParaID) []byte { return appendIDs(b, paras) })
	},
	"persisted_validation_data": func(s *State, d *scale.Decoder, b []byte) []byte {
		para, assumption := primitives.ParaID(d.U32()), assumptionOf(d)
		if d.Err() != nil {
			return b
		}
		return appendOptional(b, s.PersistedValidationData(para, assumption))
	},
	"validation_code": func(s *State, d *scale.Decoder, b []byte) []byte {
		para, assumption := primitives.ParaID(d.U32()), assumptionOf(d)
		if d.Err() != nil {
			return b
		}
		return appendCode(b, s.ValidationCode(para, assumption))
	},
	"validation_code_by_hash": func(s *State, d *scale.Decoder, b []byte) []byte {
		var hash Hash
		d.Array(hash[:])
		return appendCode(b, s.ValidationCodeByHash(hash))
	},
	"validation_code_hash": func(s *State, d *scale.Decoder, b []byte) []byte {
		para, assumption := primitives.ParaID(d.U32()), assumptionOf(d)
		if d.Err() != nil {
			return b
		}
		hash, ok := s.ValidationCodeHash(para, assumption)
		if !ok {
			return append(b, 0)
		}
		return append(append(b, 1), hash[:]...)
	},
	"validation_code_bomb_limit": func(s *State, _ *scale.Decoder, b []byte) []byte {
		return scale.AppendU32(b, s.ValidationCodeBombLimit())
	},
	"candidate_pending_availability": func(s *State, d *scale.Decoder, b []byte) []byte {
		list := s.CandidatesPendingAvailability(primitives.ParaID(d.U32()))
		if len(list) == 0 {
			return append(b, 0)
		}
		return list[0].EncodeTo(append(b, 1))
	},
	"candidates_pending_availability": func(s *State, d *scale.Decoder, b []byte) []byte {
		list := s.CandidatesPendingAvailability(primitives.ParaID(d.U32()))
		return scale.AppendVecFunc(b, list, func(b []byte, r primitives.CommittedCandidateReceipt) []byte { return r.EncodeTo(b) })
	},
	"candidate_events": func(s *State, _ *scale.Decoder, b []byte) []byte {
		return scale.AppendVecFunc(b, s.CandidateEvents(), func(b []byte, e primitives.CandidateEvent) []byte { return e.EncodeTo(b) })
	},
	"backing_constraints": func(s *State, d *scale.Decoder, b []byte) []byte {
		return appendOptional(b, s.BackingConstraints(primitives.ParaID(d.U32())))
	},
	"dmq_contents": func(s *State, d *scale.Decoder, b []byte) []byte {
		return scale.AppendVec(b, s.DmqContents(primitives.ParaID(d.U32())))
	},
	"inbound_hrmp_channels_contents": func(s *State, d *scale.Decoder, b []byte) []byte {
		return appendMap(b, s.InboundHrmpChannelsContents(primitives.ParaID(d.U32())), scale.AppendVec[primitives.InboundMessage])
	},
	"session_info": func(s *State, d *scale.Decoder, b []byte) []byte {
		return appendOptional(b, s.SessionInfo(primitives.SessionIndex(d.U32())))
	},
	"session_executor_params": func(s *State, d *scale.Decoder, b []byte) []byte {
		session := primitives.SessionIndex(d.U32())
		params, ok := itemSessionParams.at(session).get(s)
		if !ok {
			return append(b, 0)
		}
		return params.EncodeTo(append(b, 1))
	},
	"disabled_validators": func(s *State, _ *scale.Decoder, b []byte) []byte { return appendIDs(b, s.DisabledValidators()) },
	"minimum_backing_votes": func(s *State, _ *scale.Decoder, b []byte) []byte {
		return scale.AppendU32(b, s.MinimumBackingVotes())
	},
	"node_features": func(s *State, _ *scale.Decoder, b []byte) []byte { return s.NodeFeatures().EncodeTo(b) },
	"async_backing_params": func(s *State, _ *scale.Decoder, b []byte) []byte {
		p := s.AsyncBackingParams()
		return scale.AppendU32(scale.AppendU32(b, p.MaxCandidateDepth), p.AllowedAncestryLen)
	},
	"scheduling_lookahead": func(s *State, _ *scale.Decoder, b []byte) []byte {
		return scale.AppendU32(b, s.SchedulingLookahead())
	},
	"max_relay_parent_session_age": func(s *State, _ *scale.Decoder, b []byte) []byte {
		return scale.AppendU32(b, s.MaxRelayParentSessionAge())
	},
	"para_ids": func(s *State, _ *scale.Decoder, b []byte) []byte { return appendIDs(b, s.ParaIDs()) },
	"pvfs_require_precheck": func(s *State, _ *scale.Decoder, b []byte) []byte {
		return scale.AppendVecFunc(b, s.PvfsRequirePrecheck(), func(b []byte, h Hash) []byte { return append(b, h[:]...) })
	},
}

// HostFunctions are the names of the functions that [State.CallHost] answers, sorted.
func HostFunctions() []string {
	names := slices.Sorted(maps.Keys(hostCalls))
	for i := range names {
		names[i] = hostPrefix + names[i]
	}
	return names
}

const hostPrefix = "ParachainHost_"

// CallHost answers a runtime call by its full name, such as ParachainHost_validators, in
// SCALE, as state_call does. The error is [ErrNoFunction], [ErrNoEvents], or says why the
// arguments do not decode.
func (s *State) CallHost(method string, args []byte) ([]byte, error) {
	name, host := strings.CutPrefix(method, hostPrefix)
	call := hostCalls[name]
	if !host || call == nil {
		return nil, fmt.Errorf("%s: %w", method, ErrNoFunction)
	}
	if s.restored && name == "candidate_events" {
		return nil, fmt.Errorf("%s: %w", method, ErrNoEvents)
	}
	d := scale.NewDecoder(args)
	out := call(s, d, nil)
	if err := d.Err(); err != nil {
		return nil, fmt.Errorf("%s: decode arguments: %w", method, err)
	}
	return out, nil
}

func assumptionOf(d *scale.Decoder) primitives.OccupiedCoreAssumption {
	v := d.Variant()
	if v > uint8(primitives.AssumeFree) {
		d.UnknownVariant("OccupiedCoreAssumption", v)
	}
	return primitives.OccupiedCoreAssumption(v)
}

func appendIDs[T ~uint32](b []byte, list []T) []byte {
	return scale.AppendVecFunc(b, list, func(b []byte, v T) []byte { return scale.AppendU32(b, uint32(v)) })
}

func appendMap[K ~uint32, V any](b []byte, m map[K]V, item func([]byte, V) []byte) []byte {
	return scale.AppendVecFunc(b, sortedKeys(m), func(b []byte, k K) []byte { return item(scale.AppendU32(b, uint32(k)), m[k]) })
}

func appendOptional[T any, P interface {
	*T
	scale.Encoder
}](b []byte, v P) []byte {
	if v == nil {
		return append(b, 0)
	}
	return v.EncodeTo(append(b, 1))
}

func appendCode(b, code []byte) []byte {
	if code == nil {
		return append(b, 0)
	}
	return scale.AppendBytes(append(b, 1), code)
}
