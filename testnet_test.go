package pileus_test

import (
	"fmt"
	"testing"

	"pileus"
	"pileus/runtimes"
	"pileus/scale"
)

// A transfer goes through the whole pipeline: pool, block, validators, relay chain.
func TestNetTransfer(t *testing.T) {
	net := pileus.Start(t)
	bob := net.ID("Bob")
	before := net.Balance(bob)
	const amount = 5_000_000_000_000

	tx := net.Submit("Alice", "Balances", "transfer_keep_alive", bob, scale.U128{Lo: amount})
	in := net.WaitIncluded(tx)
	in.Succeeded()
	in.Event("Balances", "Transfer")
	if got, _ := net.Balance(bob).Sub(before); got.Lo != amount {
		t.Errorf("Bob got %d, not %d", got.Lo, amount)
	}

	// What an account does not have it cannot give.
	poor := net.Submit("Charlie", "Balances", "transfer_keep_alive", bob, scale.U128{Hi: 1})
	if in := net.WaitIncluded(poor); in.Err == nil {
		t.Error("the transfer of more than there is succeeded")
	}
}

// A chain is upgraded from one stage of the guide to the next.
func TestNetUpgrade(t *testing.T) {
	net := pileus.Start(t, func(s *pileus.Settings) { s.Runtime = "phase1" })
	was := net.Version().SpecVersion
	code, _ := runtimes.Code("phase3")
	net.Upgrade(code)
	if now := net.Version().SpecVersion; now <= was {
		t.Errorf("spec version %d after %d", now, was)
	}
	net.Advance(5) // and blocks go on
	if net.Chain().Finalized().Number() == 0 {
		t.Error("nothing is final")
	}
}

// In a test, t is the *testing.T.
func ExampleStart() {
	t := &exampleT{}
	defer t.end()

	net := pileus.Start(t)
	tx := net.Submit("Alice", "Balances", "transfer_keep_alive", net.ID("Bob"), scale.U128{Lo: 5_000_000_000_000})
	in := net.WaitIncluded(tx)
	in.Succeeded()
	fmt.Println(in.Event("Balances", "Transfer").Name, "in block", in.Block.Number())

	net.Advance(3) // relay slots
	fmt.Println("final:", net.Chain().Finalized().Number() >= in.Block.Number())
	// Output:
	// Transfer in block 1
	// final: true
}

// exampleT stands in for a test.
type exampleT struct{ cleanups []func() }

func (*exampleT) Helper()                           {}
func (*exampleT) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
func (t *exampleT) Cleanup(f func())                { t.cleanups = append(t.cleanups, f) }
func (t *exampleT) end() {
	for _, f := range t.cleanups {
		f()
	}
}
