package frame_test

import (
	"errors"
	"fmt"

	"pileus/frame"
	"pileus/frame/host"
)

// Votes is a pallet with what storage there is, and hooks.
type Votes struct {
	frame.Pallet
	Round  frame.Value[uint32]
	Voters frame.CountedMap[frame.AccountID, bool]
	Cast   frame.DoubleMap[uint32, frame.AccountID, uint32] // by round and account
}

func NewVotes() *Votes {
	v := &Votes{}
	p := &v.Pallet
	p.Crate, p.Name = "pallet_votes", "Votes" // a runtime sets the name itself
	v.Round = frame.NewValueWith(p, "Round", frame.U32, 1)
	v.Voters = frame.NewCountedMap(p, "Voters", frame.Blake2_128Concat, frame.Account, frame.Bool)
	v.Cast = frame.NewDoubleMap(p, "Cast", frame.Twox64Concat, frame.U32, frame.Blake2_128Concat, frame.Account, frame.U32)
	return v
}

// OnInitialize begins a round every ten blocks. A hook is a method of that name.
func (v *Votes) OnInitialize(n uint32) frame.Weight {
	if n%10 != 0 {
		return frame.Weight{}
	}
	v.Round.Mutate(func(r *uint32) { *r++ })
	return frame.RocksDbWeight.With(frame.Weight{}, 1, 1)
}

func ExampleNewValueWith() {
	v := NewVotes()
	host.Run(host.Empty(), func() {
		_, there := v.Round.TryGet()
		fmt.Println(v.Round.Get(), there)
		v.OnInitialize(10)
		fmt.Println(v.Round.Get(), v.Round.Exists())
		fmt.Printf("%x\n", v.Round.Key()) // twox128("Votes") twox128("Round")
	})
	// Output:
	// 1 false
	// 2 true
	// b4adc6a1ce4f7cc2e696ed0fd06bd01c13792e785168f725b60e2969c7fc2552
}

func ExampleNewCountedMap() {
	v := NewVotes()
	alice, bob := frame.AccountID{1}, frame.AccountID{2}
	host.Run(host.Empty(), func() {
		v.Voters.Put(alice, true)
		v.Voters.Put(bob, false)
		v.Voters.Put(alice, false)
		fmt.Println(v.Voters.Count())
		v.Voters.Remove(bob)
		fmt.Println(v.Voters.Count(), v.Voters.Contains(alice), v.Voters.Contains(bob))
	})
	// Output:
	// 2
	// 1 true false
}

func ExampleNewDoubleMap() {
	v := NewVotes()
	host.Run(host.Empty(), func() {
		v.Cast.Put(1, frame.AccountID{1}, 5)
		v.Cast.Put(2, frame.AccountID{1}, 7)
		v.Cast.Put(2, frame.AccountID{2}, 8)
		sum := uint32(0)
		v.Cast.EachOf(2, func(_ frame.AccountID, votes uint32) bool {
			sum += votes
			return true
		})
		removed, all := v.Cast.ClearPrefix(1, nil)
		fmt.Println(sum, v.Cast.Get(1, frame.AccountID{1}), removed, all)
	})
	// Output:
	// 15 0 0 true
}

// A storage layer of one's own: what f writes is dropped if it returns an error. Every
// call has one.
func ExampleRuntime_Transactional() {
	v := NewVotes()
	runtime := frame.NewRuntime(frame.RuntimeConfig{Crate: "example_runtime", Pallets: []frame.PalletEntry{
		{Index: 0, Name: "System", Pallet: frame.NewSystem(frame.SystemConfig{})},
		{Index: 8, Name: "Votes", Pallet: v},
	}})
	host.Run(host.Empty(), func() {
		err := runtime.Transactional(func() error {
			v.Round.Put(9)
			return errors.New("no")
		})
		fmt.Println(v.Round.Get(), err)
	})
	// Output:
	// 1 no
}
