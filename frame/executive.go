package frame

import (
	"bytes"

	"pileus/frame/host"
	"pileus/hashing"
	"pileus/primitives"
	"pileus/scale"
)

// BareBytes wraps a call as a bare extrinsic of version 5, with its length.
func BareBytes(call []byte) []byte {
	b := scale.AppendCompact(make([]byte, 0, len(call)+6), uint64(len(call)+1))
	return append(append(b, bareV5), call...)
}

// InitializeBlock opens a block. Of the header it takes parent, number and the digest
// items of the block's author (frame_executive::Executive::initialize_block).
func (r *Runtime) InitializeBlock(h *primitives.Header) {
	s := r.System
	s.resetEvents()
	var upgrade Weight
	if r.upgraded() {
		upgrade = r.upgrade()
	}
	var digest primitives.Digest
	for _, item := range h.Digest {
		if item.Kind == primitives.DigestPreRuntime {
			digest = append(digest, item)
		}
	}
	s.initialize(h.Number, h.ParentHash, digest)
	s.RegisterWeight(s.BlockWeights.BaseBlock.Add(upgrade), Mandatory)
	for _, f := range r.initializer {
		if w := f(h.Number); w != (Weight{}) {
			s.RegisterWeight(w, Mandatory)
		}
	}
	s.ExecutionPhase.Put(Phase{Kind: phaseApply})
}

// upgraded tells whether the code is newer than the last block's.
func (r *Runtime) upgraded() bool {
	last, ok := r.System.LastRuntimeUpgrade.TryGet()
	return !ok || r.Version.SpecVersion > last.SpecVersion || r.Version.SpecName != last.SpecName
}

// upgrade runs the hooks of a new spec version.
func (r *Runtime) upgrade() (w Weight) {
	for _, p := range r.bases {
		w = r.System.DbWeight.With(w, 1, 0)
		prefix := p.hash()
		key, ok := host.NextKey(prefix)
		if !ok || !bytes.HasPrefix(key, prefix) { // a pallet that is new
			p.PutStorageVersion(p.StorageVersion)
			w = r.System.DbWeight.With(w, 0, 1)
		}
	}
	r.System.LastRuntimeUpgrade.Put(LastRuntimeUpgrade{r.Version.SpecVersion, r.Version.SpecName})
	for _, f := range r.upgraders {
		w = w.Add(f())
	}
	return w
}

// ApplyExtrinsic applies an encoded extrinsic, length included. The result is a SCALE
// ApplyExtrinsicResult. An extrinsic that does not decode panics: the node never put it
// there.
func (r *Runtime) ApplyExtrinsic(b []byte) []byte {
	x, err := r.DecodeExtrinsic(b)
	if err != nil {
		panic("extrinsic could not be decoded: " + err.Error())
	}
	failed, invalid := r.applyExtrinsic(x)
	if invalid != nil {
		return invalid.(ValidityError).EncodeTo([]byte{1})
	}
	return appendResult([]byte{0}, failed)
}

// applyExtrinsic applies an extrinsic: failed is the outcome of its call, invalid says
// that it does not belong into the block.
func (r *Runtime) applyExtrinsic(x *Extrinsic) (failed, invalid error) {
	s := r.System
	origin, err := r.check(x)
	if err != nil {
		return nil, err
	}
	tx := &Tx{Origin: origin, Call: x.Call, Info: x.DispatchInfo(), Len: len(x.Bytes)}
	if !s.InherentsApplied.Get() && !r.isInherent(x) {
		s.InherentsApplied.Put(true)
	}
	index, _ := s.ExtrinsicIndex()
	host.Set(s.ExtrinsicData.Key(index), scale.AppendBytes(nil, x.Bytes))
	post, failed, err := r.apply(x, tx)
	if err == nil && failed != nil && tx.Info.Class == Mandatory {
		err = InvalidBadMandatory
	}
	if err != nil {
		if _, ok := err.(ValidityError); !ok {
			err = InvalidCall
		}
		return nil, err
	}
	s.noteApplied(tx.Info, post, failed)
	return failed, nil
}

// FinalizeBlock closes the block and returns its header, without seal.
func (r *Runtime) FinalizeBlock() primitives.Header {
	s := r.System
	if !s.InherentsApplied.Get() {
		s.InherentsApplied.Put(true)
	}
	count, _ := s.ExtrinsicIndex()
	host.Clear(keyExtrinsicIndex)
	s.ExtrinsicCount.Put(count)
	s.ExecutionPhase.Put(Phase{Kind: phaseFinalization})
	n := s.BlockNumber()
	if left := s.RemainingWeight(); left.RefTime > 0 && left.ProofSize > 0 {
		var used Weight
		for _, f := range r.idlers {
			used = used.Add(f(n, left.Sub(used)))
		}
		s.RegisterWeight(used, Mandatory)
	}
	for _, f := range r.finalizers {
		f(n)
	}
	s.countPendingCode()
	return s.finalize()
}

// ExecuteBlock executes a block whose seal was removed and panics unless everything in
// its header comes out. Extrinsics are without their length, as in [primitives.Block].
func (r *Runtime) ExecuteBlock(block *primitives.Block) {
	h := &block.Header
	r.InitializeBlock(h)
	if h.Number == 0 || r.System.BlockHash.Get(h.Number-1) != h.ParentHash {
		panic("Parent hash should be valid.")
	}
	inherents := true
	for _, b := range block.Extrinsics {
		x, err := r.DecodeExtrinsic(scale.AppendBytes(nil, b))
		if err != nil {
			panic("extrinsic could not be decoded: " + err.Error())
		}
		if !r.isInherent(x) {
			inherents = false
		} else if !inherents {
			panic("Invalid inherent position")
		}
		if _, invalid := r.applyExtrinsic(x); invalid != nil {
			panic(invalid.Error())
		}
	}
	made := r.FinalizeBlock()
	if len(made.Digest) != len(h.Digest) {
		panic("Number of digest items must match that calculated.")
	}
	for i, item := range made.Digest {
		if !bytes.Equal(item.EncodeTo(nil), h.Digest[i].EncodeTo(nil)) {
			panic("Digest item must match that calculated.")
		}
	}
	if made.StateRoot != h.StateRoot {
		panic("Storage root must match that calculated.")
	}
	if made.ExtrinsicsRoot != h.ExtrinsicsRoot {
		panic("Transaction trie root must be valid.")
	}
}

// ValidateTransaction judges an extrinsic for the pool, on top of the block with that
// hash. The result is a SCALE TransactionValidity.
func (r *Runtime) ValidateTransaction(source uint8, b []byte, at hashing.Hash) []byte {
	r.System.initialize(r.System.BlockNumber()+1, at, nil)
	x, err := r.DecodeExtrinsic(b)
	if err != nil {
		panic("extrinsic could not be decoded: " + err.Error())
	}
	v, err := r.validateTransaction(source, x)
	if err != nil {
		e, ok := err.(ValidityError)
		if !ok {
			e = InvalidCall
		}
		return e.EncodeTo([]byte{1})
	}
	return v.EncodeTo([]byte{0})
}

func (r *Runtime) validateTransaction(source uint8, x *Extrinsic) (ValidTransaction, error) {
	v := ValidTransaction{Longevity: 1<<64 - 1, Propagate: true}
	origin, err := r.check(x)
	if err != nil {
		return v, err
	}
	tx := &Tx{Origin: origin, Call: x.Call, Info: x.DispatchInfo(), Len: len(x.Bytes), Source: source}
	if tx.Info.Class == Mandatory {
		return v, InvalidMandatory
	}
	if x.Form != BareExtrinsic {
		return v, x.validate(tx, &v)
	}
	validator, ok := r.module(x.Call.Pallet).(UnsignedValidator)
	if !ok {
		return v, UnknownNoValidator
	}
	valid, err := validator.ValidateUnsigned(source, x.Call)
	if err != nil {
		return v, err
	}
	v.combine(valid)
	for i := range r.Extensions {
		if f := r.Extensions[i].BareValidate; f != nil {
			if err := f(tx); err != nil {
				return v, err
			}
		}
	}
	return v, nil
}
