package frame_test

import (
	"fmt"

	"pileus/frame"
	"pileus/frame/host"
	"pileus/scale"
)

// Counter is a pallet: a number that anybody may raise, a little at a time.
type Counter struct {
	frame.Pallet
	Value  frame.Value[uint32]
	By     frame.Map[frame.AccountID, uint32]
	Raised frame.Event2[frame.AccountID, uint32]

	ErrTooMuch *frame.ModuleError
}

// NewCounter declares the pallet. Declaration order is the order in the metadata.
func NewCounter() *Counter {
	c := &Counter{}
	p := &c.Pallet
	p.Crate = "pallet_counter"
	c.Value = frame.NewValue(p, "Value", frame.U32)
	c.By = frame.NewMap(p, "By", frame.Blake2_128Concat, frame.Account, frame.U32)
	c.Raised = frame.NewEvent2(p, 0, "Raised", frame.Arg("who", frame.Account), frame.Arg("to", frame.U32))
	c.ErrTooMuch = frame.NewError(p, 0, "TooMuch", "At most ten at a time.")
	frame.NewCall1(p, 0, "raise", frame.Weight{RefTime: 20_000_000, ProofSize: 4000}, frame.Arg("by", frame.U32), c.raise)
	return c
}

func (c *Counter) raise(o frame.Origin, by uint32) error {
	who, err := frame.EnsureSigned(o)
	if err != nil {
		return err
	}
	c.By.Put(who, c.By.Get(who)+by)
	if by > 10 {
		return c.ErrTooMuch // and nothing was written
	}
	c.Value.Mutate(func(n *uint32) { *n += by })
	c.Raised.Deposit(who, c.Value.Get())
	return nil
}

// A pallet is ordinary Go: it is tested on a storage in memory.
func Example() {
	counter := NewCounter()
	system := frame.NewSystem(frame.SystemConfig{BlockWeights: frame.DefaultBlockWeights(frame.Weight{RefTime: frame.WeightRefTimePerSecond, ProofSize: 5 << 20})})
	runtime := frame.NewRuntime(frame.RuntimeConfig{
		Crate: "example_runtime",
		Pallets: []frame.PalletEntry{
			{Index: 0, Name: "System", Pallet: system},
			{Index: 7, Name: "Counter", Pallet: counter},
		},
	})
	alice := frame.AccountID{1}
	host.Run(host.Empty(), func() {
		for _, by := range []uint32{3, 11, 4} {
			call := runtime.DecodeCall(scale.NewDecoder(scale.AppendU32([]byte{7, 0}, by)))
			_, err := call.Dispatch(frame.Signed(alice))
			fmt.Println(counter.Value.Get(), counter.By.Get(alice), err)
		}
		_, err := runtime.DecodeCall(scale.NewDecoder([]byte{7, 0, 1, 0, 0, 0})).Dispatch(frame.None)
		fmt.Println(err)
	})
	// Output:
	// 3 3 <nil>
	// 3 3 Counter.TooMuch
	// 7 7 <nil>
	// BadOrigin
}
