package frame

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"pileus/frame/host"
	"pileus/hashing"
	"pileus/scale"
)

// sample is a pallet with one of everything.
type sample struct {
	Pallet
	Value   Value[uint32]
	Started Value[uint32]
	Maybe   Value[[]byte]
	Map     Map[uint32, Balance]
	Double  DoubleMap[uint32, AccountID, uint64]
	Counted CountedMap[uint32, string]

	set     Event1[uint32]
	ErrOdd  *ModuleError
	ErrFull *ModuleError
}

func newSample() *sample {
	s := &sample{}
	p := &s.Pallet
	p.Crate = "pallet_sample"
	s.Value = NewValue(p, "Value", U32)
	s.Started = NewValueWith(p, "Started", U32, 7)
	s.Maybe = NewOptionValue(p, "Maybe", Bytes)
	s.Map = NewMap(p, "Map", Twox64Concat, U32, U128)
	s.Double = NewDoubleMap(p, "Double", Identity, U32, Blake2_128Concat, Account, U64)
	s.Counted = NewCountedMap(p, "Counted", Blake2_128Concat, U32, String)
	s.set = NewEvent1(p, 0, "Set", Arg("to", U32))
	s.ErrOdd = NewError(p, 0, "Odd", "The number is odd.")
	s.ErrFull = NewError(p, 3, "Full", "")
	NewCall1(p, 0, "set", Weight{RefTime: 5}, Arg("to", U32), func(o Origin, to uint32) error {
		if _, err := EnsureSigned(o); err != nil {
			return err
		}
		s.Value.Put(to)
		s.set.Deposit(to)
		if to%2 == 1 {
			return s.ErrOdd
		}
		return nil
	})
	return s
}

func sampleRuntime() (*Runtime, *sample) {
	s := newSample()
	system := NewSystem(SystemConfig{BlockWeights: DefaultBlockWeights(Weight{2e12, 5 << 20}), BlockLength: DefaultBlockLength(5 << 20), BlockHashCount: 10, MaxConsumers: 16})
	r := NewRuntime(RuntimeConfig{
		Crate: "test", Version: RuntimeVersion{SpecName: "test", SpecVersion: 1, SystemVersion: 1},
		Pallets: []PalletEntry{{0, "System", system}, {5, "Sample", s}},
		Extensions: func(s *System) []Extension {
			return []Extension{s.CheckNonZeroSender(), s.CheckSpecVersion(), s.CheckGenesis(), s.CheckMortality(), s.CheckNonce(), s.CheckWeight()}
		},
	})
	return r, s
}

func TestKeys(t *testing.T) {
	_, s := sampleRuntime()
	prefix := string(hashing.StorageKey("Sample", "Value"))
	if got := string(s.Value.Key()); got != prefix {
		t.Errorf("key of a value is %x", got)
	}
	key := string(hashing.StorageKey("Sample", "Map")) + string(hashing.Twox64Concat([]byte{1, 0, 0, 0}))
	if got := string(s.Map.Key(1)); got != key {
		t.Errorf("key of a map entry is %x", got)
	}
	who := AccountID{9}
	key = string(hashing.StorageKey("Sample", "Double")) + "\x01\x00\x00\x00" + string(hashing.Blake2_128Concat(who[:]))
	if got := string(s.Double.Key(1, who)); got != key {
		t.Errorf("key of a double map entry is %x", got)
	}
}

func TestDefaults(t *testing.T) {
	_, s := sampleRuntime()
	host.Run(host.Empty(), func() {
		if s.Value.Get() != 0 || s.Started.Get() != 7 || s.Value.Exists() {
			t.Error("defaults")
		}
		if _, ok := s.Maybe.TryGet(); ok {
			t.Error("an absent value is there")
		}
		s.Maybe.Put(nil)
		if v, ok := s.Maybe.TryGet(); !ok || len(v) != 0 {
			t.Error("an empty value is not there")
		}
		if _, ok := s.Maybe.Take(); !ok || s.Maybe.Exists() {
			t.Error("a taken value is there")
		}
		s.Started.Mutate(func(n *uint32) { *n++ })
		if s.Started.Get() != 8 {
			t.Error("mutate does not begin at the default")
		}
	})
}

// TestCorrupted: a value that does not decode reads as the default, and the log names it.
func TestCorrupted(t *testing.T) {
	_, s := sampleRuntime()
	var said string
	defer host.SetNative(host.SetNative(host.Native{Log: func(_ host.Level, _, text string) { said = text }}))
	host.Run(host.Empty(), func() {
		host.Set(s.Started.Key(), []byte{1})
		if v, ok := s.Started.TryGet(); ok || v != 7 {
			t.Errorf("read %d, %v", v, ok)
		}
	})
	if !strings.Contains(said, "Sample.Started") {
		t.Errorf("the log says %q", said)
	}
}

// A codec may read storage itself, more than once, between the parts that it decodes.
func TestCodecThatReads(t *testing.T) {
	_, s := sampleRuntime()
	host.Run(host.Empty(), func() {
		reading := U32
		reading.Decode = func(d *scale.Decoder) uint32 {
			a := d.U32() + s.Value.Get()
			return a + d.U32() + s.Value.Get() + d.U32()
		}
		s.Value.Put(1000)
		v := NewOptionValue(&s.Pallet, "Read", reading)
		host.Set(v.Key(), scale.AppendU32(scale.AppendU32(scale.AppendU32(nil, 1), 2), 3))
		if got, ok := v.TryGet(); !ok || got != 2006 {
			t.Error(got, ok)
		}
	})
}

// TestMapsAgainstModel compares the maps with Go's.
func TestMapsAgainstModel(t *testing.T) {
	_, s := sampleRuntime()
	rapid.Check(t, func(t *rapid.T) {
		plain, counted, double := map[uint32]uint64{}, map[uint32]string{}, map[string]uint64{}
		host.Run(host.Empty(), func() {
			for range rapid.IntRange(0, 30).Draw(t, "steps") {
				k, v := rapid.Uint32Range(0, 5).Draw(t, "key"), rapid.Uint64Range(0, 9).Draw(t, "value")
				who := AccountID{byte(rapid.IntRange(0, 2).Draw(t, "who"))}
				switch rapid.IntRange(0, 6).Draw(t, "op") {
				case 0:
					s.Map.Put(k, Amount(v))
					plain[k] = v
				case 1:
					s.Map.Remove(k)
					delete(plain, k)
				case 2:
					s.Counted.Put(k, fmt.Sprint(v))
					counted[k] = fmt.Sprint(v)
				case 3:
					_, was := counted[k]
					if _, ok := s.Counted.Take(k); ok != was {
						t.Fatalf("took %v", ok)
					}
					delete(counted, k)
				case 4:
					s.Double.Put(k, who, v)
					double[fmt.Sprint(k, who)] = v
				case 5:
					s.Double.Remove(k, who)
					delete(double, fmt.Sprint(k, who))
				case 6:
					s.Double.ClearPrefix(k, nil)
					for i := range 3 {
						delete(double, fmt.Sprint(k, AccountID{byte(i)}))
					}
				}
			}
			seen := 0
			s.Map.Each(func(k uint32, v Balance) bool {
				seen++
				if plain[k] != v.Lo {
					t.Fatalf("%d is %v, not %d", k, v, plain[k])
				}
				return true
			})
			for k := range uint32(6) {
				s.Double.EachOf(k, func(who AccountID, v uint64) bool {
					seen++
					if w, ok := double[fmt.Sprint(k, who)]; !ok || v != w {
						t.Fatalf("%d, %v is %d", k, who, v)
					}
					return true
				})
			}
			if seen != len(plain)+len(double) || s.Counted.Count() != uint32(len(counted)) {
				t.Fatalf("%d entries, want %d and %d; %d counted, want %d", seen, len(plain), len(double), s.Counted.Count(), len(counted))
			}
		})
	})
}

func TestTransactionalLayers(t *testing.T) {
	r, s := sampleRuntime()
	host.Run(host.Empty(), func() {
		err := r.Transactional(func() error {
			s.Value.Put(1)
			_ = r.Transactional(func() error {
				s.Value.Put(2)
				return s.ErrOdd
			})
			if s.Value.Get() != 1 {
				t.Error("a failed layer left something")
			}
			return nil
		})
		if err != nil || s.Value.Get() != 1 {
			t.Error("a layer that succeeded is gone")
		}
		var deep func(n int) error
		deep = func(n int) error {
			return r.Transactional(func() error {
				if n == 0 {
					return nil
				}
				return deep(n - 1)
			})
		}
		if deep(maxLayers-1) != nil || deep(maxLayers) != ErrLimitReached {
			t.Error("the limit of layers")
		}
	})
}

// TestFailedCallLeavesNothing: storage and events of a failed call vanish.
func TestFailedCallLeavesNothing(t *testing.T) {
	r, s := sampleRuntime()
	for to, fails := range map[uint32]bool{4: false, 5: true} {
		host.Run(host.Empty(), func() {
			r.System.Number.Put(1)
			c := r.DecodeCall(scale.NewDecoder(scale.AppendU32([]byte{5, 0}, to)))
			_, err := c.Dispatch(Signed(AccountID{1}))
			if (err != nil) != fails || s.Value.Exists() == fails || r.System.EventCount.Exists() == fails {
				t.Errorf("set(%d): %v", to, err)
			}
			if fails && AsDispatchError(err) != (DispatchError{Kind: 3, Module: 5}) {
				t.Errorf("the error is %v", AsDispatchError(err))
			}
			if _, err := c.Dispatch(None); err != ErrBadOrigin {
				t.Errorf("nobody may call: %v", err)
			}
		})
	}
}

func TestContradictions(t *testing.T) {
	for name, broken := range map[string]func(){
		"two pallets with one index": func() {
			NewRuntime(RuntimeConfig{Pallets: []PalletEntry{{0, "System", NewSystem(SystemConfig{})}, {0, "Sample", newSample()}}})
		},
		"no system": func() { NewRuntime(RuntimeConfig{Pallets: []PalletEntry{{0, "Sample", newSample()}}}) },
		"a call twice": func() {
			s := newSample()
			NewCall0(&s.Pallet, 0, "again", Weight{}, func(Origin) error { return nil })
			NewRuntime(RuntimeConfig{Pallets: []PalletEntry{{0, "System", NewSystem(SystemConfig{})}, {1, "Sample", s}}})
		},
		"a storage item twice": func() {
			s := newSample()
			NewValue(&s.Pallet, "Value", U32)
			NewRuntime(RuntimeConfig{Pallets: []PalletEntry{{0, "System", NewSystem(SystemConfig{})}, {1, "Sample", s}}})
		},
	} {
		func() {
			defer func() {
				if r := recover(); r == nil || !strings.HasPrefix(fmt.Sprint(r), "frame: ") {
					t.Errorf("%s: %v", name, r)
				}
			}()
			broken()
		}()
	}
}
