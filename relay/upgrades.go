package relay

import (
	"errors"
	"slices"

	"pileus/hashing"
	"pileus/primitives"
	"pileus/scale"
)

// A para's new code goes this way (pallet paras):
//
//	candidate with new code included ──► restricted, pre-checking ──accepted──► scheduled for block At
//	                                               │                               │ block At
//	                                               └─rejected─► Abort              ▼
//	                                                              │             GoAhead
//	       a candidate that does not upgrade is included ◄────────┘                │ first included candidate
//	       and the signal vanishes                                                 ▼ with a relay parent ≥ At
//	                                                                         new code current
//
// The restriction is lifted by itself when the cooldown is over. A relay chain whose
// upgrades are late ([Params.UpgradesLate]) makes the new code current that many blocks
// after the candidate that reached At.

// minCodeSize is the least length of validation code (paras MIN_CODE_SIZE).
const minCodeSize = 9

// precheck is the vote on new code (paras::PvfCheckActiveVoteState).
type precheck struct {
	accept, reject primitives.BitVec // a bit for each validator
	age            uint32            // session changes since it began
	created        uint32
	causes         []upgradeCause
}

// upgradeCause is a para that wants the code, and the block from which delays count.
type upgradeCause struct {
	para       primitives.ParaID
	includedAt uint32
}

var precheckCodec = codec[*precheck]{
	enc: func(b []byte, p *precheck) []byte {
		b = p.reject.EncodeTo(p.accept.EncodeTo(b))
		b = scale.AppendU32(scale.AppendU32(b, p.age), p.created)
		return scale.AppendVecFunc(b, p.causes, func(b []byte, c upgradeCause) []byte {
			// PvfCheckCause::Upgrade with UpgradeStrategy::SetGoAheadSignal
			return append(scale.AppendU32(c.para.EncodeTo(append(b, 1)), c.includedAt), 0)
		})
	},
	dec: func(d *scale.Decoder) *precheck {
		p := &precheck{}
		p.accept.DecodeFrom(d)
		p.reject.DecodeFrom(d)
		p.age, p.created = d.U32(), d.U32()
		p.causes = scale.DecodeVecFunc(d, maxList, func(d *scale.Decoder) (c upgradeCause) {
			d.U8()
			c.para, c.includedAt = primitives.ParaID(d.U32()), d.U32()
			d.U8()
			return c
		})
		return p
	},
}

// byBlock puts a para into a list that is sorted by block; of equal blocks the newer
// entry comes first, as with a binary search that stops at the first hit.
func (x *execution) byBlock(s slot[[]pair[primitives.ParaID, uint32]], para primitives.ParaID, block uint32) {
	list := slices.Clone(s.or(x.tx))
	i := slices.IndexFunc(list, func(e pair[primitives.ParaID, uint32]) bool { return e.B >= block })
	if i < 0 {
		i = len(list)
	}
	s.put(x.tx, slices.Insert(list, i, pair[primitives.ParaID, uint32]{para, block}))
}

// due takes the entries up to a block out of such a list.
func (x *execution) due(s slot[[]pair[primitives.ParaID, uint32]], block uint32) []pair[primitives.ParaID, uint32] {
	list := s.or(x.tx)
	n := 0
	for n < len(list) && list[n].B <= block {
		n++
	}
	if n > 0 {
		putOrDel(s, x.tx, slices.Clone(list[n:]))
	}
	return list[:n]
}

// scheduleUpgrade begins an upgrade; code that cannot be one is ignored
// (paras::schedule_code_upgrade).
func (x *execution) scheduleUpgrade(para primitives.ParaID, code []byte, includedAt uint32) {
	hash := hashing.Blake2b256(code)
	current, _ := itemCodeHash.at(para).get(x.tx)
	if len(code) < minCodeSize || len(code) > int(x.config.MaxCodeSize) || itemFutureHash.at(para).has(x.tx) || current == hash {
		return
	}
	itemFutureHash.at(para).put(x.tx, hash)
	itemRestriction.at(para).put(x.tx, 0)
	x.byBlock(itemCooldowns, para, includedAt+x.config.ValidationUpgradeCooldown)
	x.emit(Event{Kind: UpgradeScheduled, Para: para, Code: hash})

	cause := upgradeCause{para, includedAt}
	vote, voting := itemPrecheck.at(hash).get(x.tx)
	switch {
	case voting:
		grown := *vote
		grown.causes = append(slices.Clone(vote.causes), cause)
		itemPrecheck.at(hash).put(x.tx, &grown)
	case itemCode.at(hash).has(x.tx):
		x.accepted(hash, []upgradeCause{cause})
	default:
		n := len(itemActiveKeys.or(x.tx))
		itemPrecheck.at(hash).put(x.tx, &precheck{accept: primitives.NewBitVec(n), reject: primitives.NewBitVec(n), created: x.now, causes: []upgradeCause{cause}})
		list := append(slices.Clone(itemPrecheckList.or(x.tx)), hash)
		slices.SortFunc(list, func(a, b Hash) int { return slices.Compare(a[:], b[:]) })
		itemPrecheckList.put(x.tx, list)
	}
	x.holdCode(hash, code)
}

// accepted fixes the block from which the code may be applied (paras::enact_pvf_accepted).
func (x *execution) accepted(code Hash, causes []upgradeCause) {
	for _, c := range causes {
		at := max(c.includedAt+x.config.ValidationUpgradeDelay, x.now+x.config.MinimumValidationUpgradeDelay)
		itemFutureAt.at(c.para).put(x.tx, at)
		x.byBlock(itemUpcoming, c.para, at)
		log := append(c.para.EncodeTo([]byte{2}), code[:]...) // ParaScheduleUpgradeCode
		x.log(primitives.EngineParas, scale.AppendU32(log, at))
		x.emit(Event{Kind: UpgradeAccepted, Para: c.para, Code: code, At: at})
	}
}

// rejected lets the paras know by the signal Abort (paras::enact_pvf_rejected).
func (x *execution) rejected(code Hash, causes []upgradeCause) {
	for _, c := range causes {
		x.releaseCode(code)
		itemGoAhead.at(c.para).put(x.tx, uint8(primitives.UpgradeAbort))
		itemFutureHash.at(c.para).del(x.tx)
		x.emit(Event{Kind: UpgradeAborted, Para: c.para, Code: code})
	}
}

func (x *execution) endVote(code Hash) {
	itemPrecheck.at(code).del(x.tx)
	list := slices.DeleteFunc(slices.Clone(itemPrecheckList.or(x.tx)), func(h Hash) bool { return h == code })
	putOrDel(itemPrecheckList, x.tx, list)
}

// vote lets all validators accept what was scheduled before this block, unless votes
// come by calls.
func (x *execution) vote() {
	if x.params.ManualPrecheck {
		return
	}
	for _, code := range itemPrecheckList.or(x.tx) {
		if v := itemPrecheck.at(code).or(x.tx); v.created < x.now {
			x.endVote(code)
			x.accepted(code, v.causes)
		}
	}
}

// Errors of votes on code.
var (
	ErrVoteSubject   = errors.New("PvfCheckSubjectInvalid")
	ErrVoteSession   = errors.New("PvfCheckStatementStale")
	ErrVoteValidator = errors.New("PvfCheckValidatorIndexOutOfBounds")
	ErrVoteSignature = errors.New("PvfCheckInvalidSignature")
	ErrVoteDouble    = errors.New("PvfCheckDoubleVote")
)

// Payload is what a validator signs for its vote (polkadot_primitives::PvfCheckStatement).
func (v PrecheckVote) Payload() []byte {
	b := scale.AppendBool([]byte("VCPC"), v.Accept)
	b = append(b, v.Code[:]...)
	return v.Validator.EncodeTo(scale.AppendU32(b, uint32(v.Session)))
}

func (v PrecheckVote) run(x *execution) error {
	keys := itemActiveKeys.or(x.tx)
	vote, ok := itemPrecheck.at(v.Code).get(x.tx)
	i := int(v.Validator)
	switch {
	case v.Session != x.session:
		return ErrVoteSession
	case i >= len(keys):
		return ErrVoteValidator
	case !x.params.verify(v.Signature, v.Payload(), keys[i]):
		return ErrVoteSignature
	case !ok:
		return ErrVoteSubject
	case vote.accept.Get(i) || vote.reject.Get(i):
		return ErrVoteDouble
	}
	after := *vote
	after.accept, after.reject = vote.accept.Clone(), vote.reject.Clone()
	if v.Accept {
		after.accept.Set(i)
	} else {
		after.reject.Set(i)
	}
	switch {
	case after.accept.Ones() >= primitives.SupermajorityThreshold(len(keys)):
		x.endVote(v.Code)
		x.accepted(v.Code, after.causes)
	case after.reject.Ones() > (len(keys)-1)/3:
		x.endVote(v.Code)
		x.rejected(v.Code, after.causes)
	default:
		itemPrecheck.at(v.Code).put(x.tx, &after)
	}
	return nil
}

// renewVotes starts the votes on code anew for the validators of a session; one that has
// lasted too long is taken for a rejection (paras::groom_ongoing_pvf_votes).
func (x *execution) renewVotes(validators int) {
	for _, code := range itemPrecheckList.or(x.tx) {
		v := *itemPrecheck.at(code).or(x.tx)
		if v.age++; v.age >= x.config.PvfVotingTTL {
			x.endVote(code)
			x.rejected(code, v.causes)
			continue
		}
		v.accept, v.reject = primitives.NewBitVec(validators), primitives.NewBitVec(validators)
		itemPrecheck.at(code).put(x.tx, &v)
	}
}

// signalGoAhead tells paras whose block has come (paras::process_scheduled_upgrade_changes).
func (x *execution) signalGoAhead() {
	for _, e := range x.due(itemUpcoming, x.now) {
		if !itemFutureAt.at(e.A).has(x.tx) { // reached, and late
			x.switchCode(e.A)
			continue
		}
		itemGoAhead.at(e.A).put(x.tx, uint8(primitives.UpgradeApproved))
		x.emit(Event{Kind: UpgradeGoAhead, Para: e.A, Code: itemFutureHash.at(e.A).or(x.tx)})
	}
}

// liftRestrictions ends cooldowns (paras::process_scheduled_upgrade_cooldowns).
func (x *execution) liftRestrictions() {
	for _, e := range x.due(itemCooldowns, x.now) {
		itemRestriction.at(e.A).del(x.tx)
		x.emit(Event{Kind: UpgradeCooldownOver, Para: e.A})
	}
}

// noteHead makes head data the para's, and the new code current if the candidate's relay
// parent had reached it (paras::note_new_head).
func (x *execution) noteHead(para primitives.ParaID, head []byte, relayParent uint32) {
	itemHead.at(para).put(x.tx, head)
	itemContext.at(para).put(x.tx, relayParent)
	at, scheduled := itemFutureAt.at(para).get(x.tx)
	if !scheduled {
		if itemGoAhead.at(para).has(x.tx) {
			itemGoAhead.at(para).del(x.tx)
		}
		return
	}
	if relayParent < at {
		return
	}
	itemFutureAt.at(para).del(x.tx)
	itemGoAhead.at(para).del(x.tx)
	if late := x.params.UpgradesLate; late > 0 {
		x.byBlock(itemUpcoming, para, x.now+late)
		return
	}
	x.switchCode(para)
}

// switchCode makes the para's future code its current one.
func (x *execution) switchCode(para primitives.ParaID) {
	code := itemFutureHash.at(para).or(x.tx)
	itemFutureHash.at(para).del(x.tx)
	old := itemCodeHash.at(para).or(x.tx)
	itemCodeHash.at(para).put(x.tx, code)
	x.log(primitives.EngineParas, append(para.EncodeTo([]byte{1}), code[:]...)) // ParaUpgradeCode
	itemPastCode.at(pastCodeKey{para, x.now}).put(x.tx, old)
	x.byBlock(itemPastPruning, para, x.now)
	x.emit(Event{Kind: CodeUpgraded, Para: para, Code: code})
}

// pruneCode forgets code that was replaced longer ago than the retention period
// (paras::prune_old_code).
func (x *execution) pruneCode() {
	keep := x.config.CodeRetentionPeriod + 1
	if x.now < keep {
		return
	}
	for _, e := range x.due(itemPastPruning, x.now-keep) {
		past := itemPastCode.at(pastCodeKey{e.A, e.B})
		x.releaseCode(past.or(x.tx))
		past.del(x.tx)
	}
}

// holdCode counts one more use of the code.
func (x *execution) holdCode(hash Hash, code []byte) {
	refs := itemCodeRefs.at(hash).or(x.tx)
	if refs == 0 {
		itemCode.at(hash).put(x.tx, code)
	}
	itemCodeRefs.at(hash).put(x.tx, refs+1)
}

func (x *execution) releaseCode(hash Hash) {
	refs := itemCodeRefs.at(hash).or(x.tx)
	if refs <= 1 {
		itemCode.at(hash).del(x.tx)
		itemCodeRefs.at(hash).del(x.tx)
		return
	}
	itemCodeRefs.at(hash).put(x.tx, refs-1)
}

// UpgradeRestricted tells whether the para sees the upgrade restriction signal.
func (s *State) UpgradeRestricted(para primitives.ParaID) bool {
	return itemRestriction.at(para).has(s)
}
