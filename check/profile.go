package check

// Profiles, by the state in which the guide leaves a chain; the guide's numbers are those
// of phase 3.
const (
	Auto    = "auto"
	Sync    = "sync"    // before the guide: a block waits until its parent is included
	Phase1  = "phase1"  // the runtime is compatible; blocks are as slow as they were
	Phase3  = "phase3"  // a block per relay block
	Elastic = "elastic" // several blocks per relay block
)

// Profiles lists them in the order in which a chain passes them.
var Profiles = []string{Sync, Phase1, Phase3, Elastic}

// profile is the one that the chain is on: sync where the hook expects its parent to be
// included; with any other hook phase 1, or later by the slots alone: 6 s or less, or
// several blocks in one. A velocity above 1 makes phase 3 elastic.
func (s *subject) profile() string {
	o := &s.seen
	switch {
	case o.Hook == ExpectParentIncluded:
		return Sync
	case o.Hook == UnknownHook:
		return Phase1
	case o.SameSlot != Yes && s.slotMs() > 6000:
		return Phase1
	case o.Velocity > 1:
		return Elastic
	}
	return Phase3
}

// slotMs is the length of the parachain's slots, as far as it is known; else 12 s.
func (s *subject) slotMs() uint64 {
	switch {
	case s.seen.SlotMs != 0:
		return s.seen.SlotMs
	case s.chain != nil:
		return s.chain.Facts.SlotDuration
	case s.static.SlotDuration != nil && *s.static.SlotDuration != 0:
		return *s.static.SlotDuration
	}
	return 12000
}

// promise is the interval from block to block that the runtime's slots promise on one
// core, in ms: a relay block where several blocks share a slot, else the slot.
func (s *subject) promise() uint64 {
	if s.seen.SameSlot == Yes {
		return 6000
	}
	return max(6000, s.slotMs())
}

func nextOf(profile string) string {
	switch profile {
	case Sync:
		return Phase1
	case Phase1:
		return Phase3
	case Phase3:
		return Elastic
	}
	return ""
}

// level is how far in the guide a profile is.
func level(profile string) int {
	for i, p := range Profiles {
		if p == profile {
			return i
		}
	}
	return 0
}
