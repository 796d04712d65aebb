package check

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"pileus/hashing"
	"pileus/primitives"
	"pileus/scale"
)

// Rows that compare the state with what the runtime says.

// disagreements are APIs that answer otherwise than the storage that decides.
func (j *judge) disagreements() (list []string) {
	top := j.chain.State.Top()
	if raw, ok, err := top.Get(hashing.StorageKey("Aura", "Authorities"), nil); ok && err == nil {
		var said []byte
		said = scale.AppendVecFunc(said, j.chain.Facts.Authorities, func(b []byte, k [32]byte) []byte { return append(b, k[:]...) })
		if !bytes.Equal(raw, said) {
			list = append(list, "AuraApi_authorities differs from Aura.Authorities")
		}
	}
	if raw, ok, err := top.Get(hashing.StorageKey("ParachainInfo", "ParachainId"), nil); ok && err == nil && len(raw) == 4 {
		if id := primitives.ParaID(binary.LittleEndian.Uint32(raw)); id != j.chain.ParaID {
			list = append(list, fmt.Sprintf("GetParachainInfo_parachain_id says %d, ParachainInfo.ParachainId is %d", j.chain.ParaID, id))
		}
	}
	return list
}

// heapPages is the row of :heappages.
func (j *judge) heapPages() Row {
	if j.chain == nil {
		return unknown(j.absent)
	}
	limit, whose := uint64(2048), "the default of validators"
	if j.o.Relay != nil {
		limit, whose = uint64(j.o.Relay.Config.ExecutorParams.MemoryPages()-32), "of the given relay chain"
	}
	raw, there, err := j.chain.State.Top().Get([]byte(":heappages"), nil)
	expected := fmt.Sprintf("absent, or at most %d (%s)", limit, whose)
	switch {
	case err != nil || !there:
		return ok("absent: 2048", expected, nil)
	case len(raw) != 8:
		return fails(fmt.Sprintf("0x%x is no u64", raw), expected, nil)
	}
	n := binary.LittleEndian.Uint64(raw)
	return decide(n <= limit && n >= 64, fmt.Sprintf("%d pages, %d MiB", n, n/16), expected, nil)
}

// storedSlot is the row of a slot duration that became longer: the stored slot then lies
// ahead of the one that the stored time is in.
func (j *judge) storedSlot() Row {
	if row, not := j.notSeen(); not {
		return row
	}
	f, ms := &j.chain.Facts, j.slotMs()
	if f.Timestamp == 0 {
		return notApplicable("no block was made yet")
	}
	now := f.Timestamp / ms
	found := fmt.Sprintf("Aura.CurrentSlot is %d, the time of the last block lies in slot %d", f.ParaSlot, now)
	row := decide(uint64(f.ParaSlot) <= now, found, "the slot of the last block's time", nil)
	if row.Verdict == Fails {
		row.Severity = Error // no block before that slot
	}
	return row
}

// copied tells whether AuraExt's authorities are Aura's in the state that the probes begin with.
func (j *judge) copied() bool {
	own, ok, err := j.chain.State.Top().Get(hashing.StorageKey("Aura", "Authorities"), nil)
	if err != nil || !ok {
		return true
	}
	copied, _, err := j.chain.State.Top().Get(hashing.StorageKey("AuraExt", "Authorities"), nil)
	return err != nil || bytes.Equal(own, copied)
}
