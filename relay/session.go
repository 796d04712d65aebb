package relay

import (
	"pileus/hashing"
	"pileus/primitives"
	"pileus/scale"
)

// SessionInfo is what a session's validators are and how they are arranged
// (polkadot_primitives::SessionInfo). Discovery and assignment keys are the validators'.
type SessionInfo struct {
	ActiveValidatorIndices []uint32
	RandomSeed             Hash
	DisputePeriod          uint32
	Validators             [][32]byte
	ValidatorGroups        [][]primitives.ValidatorIndex
	Cores                  uint32
	ZerothDelayTranche     uint32
	RelayVrfModuloSamples  uint32
	NDelayTranches         uint32
	NoShowSlots            uint32
	NeededApprovals        uint32
}

var groupsCodec = listOf(listOf(u32Of[primitives.ValidatorIndex]()))

// EncodeTo appends the SCALE encoding.
func (s *SessionInfo) EncodeTo(b []byte) []byte {
	b = scale.AppendVecFunc(b, s.ActiveValidatorIndices, scale.AppendU32)
	b = scale.AppendU32(append(b, s.RandomSeed[:]...), s.DisputePeriod)
	for range 3 { // validators, discovery keys, assignment keys
		b = listOf(keyCodec).enc(b, s.Validators)
	}
	b = groupsCodec.enc(b, s.ValidatorGroups)
	for _, v := range []uint32{s.Cores, s.ZerothDelayTranche, s.RelayVrfModuloSamples, s.NDelayTranches, s.NoShowSlots, s.NeededApprovals} {
		b = scale.AppendU32(b, v)
	}
	return b
}

var sessionInfoCodec = codec[*SessionInfo]{
	enc: func(b []byte, s *SessionInfo) []byte { return s.EncodeTo(b) },
	dec: func(d *scale.Decoder) *SessionInfo {
		s := &SessionInfo{ActiveValidatorIndices: scale.DecodeVecFunc(d, maxList, (*scale.Decoder).U32)}
		d.Array(s.RandomSeed[:])
		s.DisputePeriod = d.U32()
		for range 3 {
			s.Validators = listOf(keyCodec).dec(d)
		}
		s.ValidatorGroups = groupsCodec.dec(d)
		for _, p := range []*uint32{&s.Cores, &s.ZerothDelayTranche, &s.RelayVrfModuloSamples, &s.NDelayTranches, &s.NoShowSlots, &s.NeededApprovals} {
			*p = d.U32()
		}
		return s
	},
}

// changeSession ends the session with this block, as the block's very last step: what is
// read at the block already belongs to the next session. (initializer::apply_new_session)
func (x *execution) changeSession() {
	session := itemSessionIndex.or(x.tx)
	x.applyConfig(session)
	seed := x.sessionSeed()
	x.forgetSchedulingParents(session)
	validators := x.shuffleValidators(session, seed)
	x.renewVotes(validators)
	x.arrangeGroups(validators, groupCount(x.config, validators))
	for _, para := range keyOrder(itemParas.or(x.tx)) {
		for _, c := range itemPendingCandidates.at(para).or(x.tx) {
			x.emit(c.event(DroppedAtSession))
		}
		if itemPendingCandidates.at(para).has(x.tx) {
			itemPendingCandidates.at(para).del(x.tx)
		}
	}
	if itemDisabled.has(x.tx) {
		itemDisabled.del(x.tx)
	}
	x.keepSessionInfo(session, seed)
	x.changeChannels()
	x.emit(Event{Kind: SessionChanged, Session: session})
}

// applyConfig makes the newest configuration current that was scheduled for the session
// (configuration::initializer_on_new_session).
func (x *execution) applyConfig(session primitives.SessionIndex) {
	pending := itemPending.or(x.tx)
	n := 0
	for n < len(pending) && pending[n].A <= session {
		n++
	}
	if n == 0 {
		return
	}
	x.config = pending[n-1].B
	itemConfig.put(x.tx, x.config)
	putOrDel(itemPending, x.tx, append([]pair[primitives.SessionIndex, *primitives.HostConfiguration]{}, pending[n:]...))
	x.emit(Event{Kind: ConfigApplied, Session: session})
}

// sessionSeed is blake2b-256("paras" ++ NextRandomness).
func (x *execution) sessionSeed() Hash {
	next := itemNextRandomness.or(x.tx)
	return hashing.Blake2b256(append([]byte("paras"), next[:]...))
}

// shuffleValidators gives the validators of the session their order and returns how many
// take part (shared::initializer_on_new_session).
func (x *execution) shuffleValidators(session primitives.SessionIndex, seed Hash) int {
	all := itemAuthorities.or(x.tx)
	order := Shuffle(seed, len(all))
	if m := x.config.MaxValidators; m != nil && int(*m) < len(order) {
		order = order[:*m]
	}
	keys := make([][32]byte, len(order))
	for i, place := range order {
		keys[i] = all[place].key
	}
	itemSharedSession.put(x.tx, session)
	itemActiveIndices.put(x.tx, order)
	itemActiveKeys.put(x.tx, keys)
	return len(order)
}

// groupCount is the number of cores, and so of groups, of a session.
func groupCount(c *primitives.HostConfiguration, validators int) int {
	n := int(c.SchedulerParams.NumCores)
	if per := c.SchedulerParams.MaxValidatorsPerCore; per != nil && *per != 0 {
		n = max(n, validators/int(*per))
	}
	return n
}

// arrangeGroups puts validators with consecutive indices into one group for each core;
// the first groups have one member more where it does not come out even.
// (scheduler::initializer_on_new_session)
func (x *execution) arrangeGroups(validators, n int) {
	var groups [][]primitives.ValidatorIndex
	if validators > 0 {
		next := primitives.ValidatorIndex(0)
		for g := range n {
			size := validators / n
			if g < validators%n {
				size++
			}
			members := make([]primitives.ValidatorIndex, size)
			for i := range members {
				members[i] = next
				next++
			}
			groups = append(groups, members)
		}
	}
	itemGroups.put(x.tx, groups)
	itemSessionStart.put(x.tx, x.now+1)
}

// keepSessionInfo stores what the session is and forgets sessions that can no longer be
// disputed (session_info::initializer_on_new_session).
func (x *execution) keepSessionInfo(session primitives.SessionIndex, seed Hash) {
	oldest := itemEarliestSession.or(x.tx)
	for ; oldest+primitives.SessionIndex(x.config.DisputePeriod) < session; oldest++ {
		itemSessionInfo.at(oldest).del(x.tx)
		itemSessionParams.at(oldest).del(x.tx)
	}
	itemEarliestSession.put(x.tx, oldest)
	groups := itemGroups.or(x.tx)
	c := x.config
	itemSessionInfo.at(session).put(x.tx, &SessionInfo{ActiveValidatorIndices: itemActiveIndices.or(x.tx), RandomSeed: seed, DisputePeriod: c.DisputePeriod,
		Validators: itemActiveKeys.or(x.tx), ValidatorGroups: groups, Cores: uint32(len(groups)), ZerothDelayTranche: c.ZerothDelayTrancheWidth,
		RelayVrfModuloSamples: c.RelayVrfModuloSamples, NDelayTranches: c.NDelayTranches, NoShowSlots: c.NoShowSlots, NeededApprovals: c.NeededApprovals})
	itemSessionParams.at(session).put(x.tx, c.ExecutorParams)
}
