package relay

import (
	"bytes"
	"testing"

	"pileus/primitives"
)

// One candidate goes round: backed in the child of its relay parent, included one block later.
func TestCircle(t *testing.T) {
	c := newChain(t, testGenesis(5, alpha))
	c.empty(3)
	rp := c.best()
	first := candidateSpec{para: alpha, relayParent: rp, parentHead: rp.state.Head(alpha), head: []byte("one")}
	c.next(backing(c.candidate(first)))
	if count(c.last.events, Backed) != 1 || len(c.last.dropped) != 0 {
		t.Fatalf("not backed: %v, dropped %v", c.last.events, c.last.dropped)
	}
	if core := c.best().state.AvailabilityCores()[0]; core.Kind != primitives.CoreOccupied {
		t.Fatalf("core is %+v", core)
	}
	pvd := c.best().state.PersistedValidationData(alpha, primitives.AssumeIncluded)
	if pvd == nil || string(pvd.ParentHead) != "one" {
		t.Fatalf("PVD if included: %+v", pvd)
	}
	second := candidateSpec{para: alpha, relayParent: c.best(), parentHead: []byte("one"), head: []byte("two")}
	c.next(primitives.ParachainsInherentData{Bitfields: c.available(4), Backed: []primitives.BackedCandidate{c.candidate(second)}})
	if count(c.last.events, Included) != 1 || count(c.last.events, Backed) != 1 {
		t.Fatalf("not included and backed: %v, dropped %v", c.last.events, c.last.dropped)
	}
	if head := c.best().state.Head(alpha); !bytes.Equal(head, []byte("one")) {
		t.Fatalf("head is %q", head)
	}
	if _, _, err := Import(c.tips[len(c.tips)-2].state, &c.tips[len(c.tips)-2].header, reencoded(t, c.last.block)); err != nil {
		t.Fatal(err)
	}
}
