package relay

import (
	"errors"
	"strings"
	"testing"

	"pileus/primitives"
	"pileus/scale"
)

func TestCallHost(t *testing.T) {
	c := newChain(t, testGenesis(7, alpha, beta))
	s := c.best().state
	para := scale.AppendU32(nil, uint32(alpha))
	call := func(name string, args ...byte) []byte {
		t.Helper()
		out, err := s.CallHost("ParachainHost_"+name, args)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return out
	}
	if d := scale.NewDecoder(call("validators")); d.Len(100, 32) != 7 {
		t.Error("validators")
	}
	if got := scale.NewDecoder(call("session_index_for_child")).U32(); got != uint32(s.SessionIndexForChild()) {
		t.Errorf("session %d", got)
	}
	var pvd primitives.PersistedValidationData
	if raw := call("persisted_validation_data", append(para, 0)...); raw[0] != 1 || scale.Decode(raw[1:], &pvd) != nil || pvd.RelayParentStorageRoot != s.Root() {
		t.Errorf("%+v", pvd)
	}
	var constraints primitives.Constraints
	if raw := call("backing_constraints", para...); raw[0] != 1 || scale.Decode(raw[1:], &constraints) != nil || string(constraints.RequiredParent) != string(s.Head(alpha)) {
		t.Errorf("%+v", constraints)
	}
	d := scale.NewDecoder(call("claim_queue"))
	for range d.Len(10, 4) {
		core := primitives.CoreIndex(d.U32())
		for i := range d.Len(10, 4) {
			if got := primitives.ParaID(d.U32()); got != s.ClaimQueue()[core][i] {
				t.Errorf("core %d, place %d: para %d", core, i, got)
			}
		}
	}
	if d.Finish() != nil {
		t.Error(d.Err())
	}
	if got := call("backing_constraints", scale.AppendU32(nil, 9999)...); len(got) != 1 || got[0] != 0 {
		t.Errorf("constraints of an unknown para: %x", got)
	}
	// Every function answers, and refuses arguments that are too short, without a panic.
	for _, name := range HostFunctions() {
		args := append(append([]byte{}, para...), make([]byte, 40)...)
		if _, err := s.CallHost(name, args); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		s.CallHost(name, nil)
	}
	for _, name := range []string{"Core_version", "ParachainHost_disputes", "ParachainHost_"} {
		if _, err := s.CallHost(name, nil); !errors.Is(err, ErrNoFunction) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := s.CallHost("ParachainHost_validation_code", append(para, 3)); err == nil || !strings.Contains(err.Error(), "OccupiedCoreAssumption") {
		t.Errorf("wrong assumption: %v", err)
	}
	again := Restore(s.Trie(), s.Params())
	if _, err := again.CallHost("ParachainHost_candidate_events", nil); !errors.Is(err, ErrNoEvents) {
		t.Errorf("events of a restored state: %v", err)
	}
	for _, name := range []string{"availability_cores", "validator_groups", "node_features"} {
		if out, err := again.CallHost("ParachainHost_"+name, nil); err != nil || string(out) != string(call(name)) {
			t.Errorf("%s of a restored state: %x, %v", name, out, err)
		}
	}
}
