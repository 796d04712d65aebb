package relay

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"pileus/internal/testdata"
)

func TestShuffleVectors(t *testing.T) {
	var v struct {
		Generator []struct {
			Seed  testdata.Hex `json:"seed"`
			Bytes testdata.Hex `json:"bytes"`
			U32   []uint32     `json:"next_u32"`
			U64   []string     `json:"next_u64"`
		} `json:"generator"`
		Shuffles []struct {
			Seed  int      `json:"seed"`
			N     int      `json:"n"`
			Order []uint32 `json:"order"`
		} `json:"shuffles"`
		Ranges []struct {
			Seed   int         `json:"seed"`
			Values [][2]uint64 `json:"upper_bound_and_value_in_turn"`
		} `json:"gen_range_usize"`
	}
	testdata.ReadJSON(t, "vectors/shuffle.json", &v)
	if len(v.Generator) == 0 || len(v.Shuffles) == 0 || len(v.Ranges) == 0 {
		t.Fatal("a section of the vectors is empty")
	}
	seed := func(i int) [32]byte { return [32]byte(v.Generator[i].Seed) }
	for i, c := range v.Generator {
		r := NewChaChaRand(seed(i))
		var stream []byte
		for range len(c.Bytes) / 4 {
			stream = binary.LittleEndian.AppendUint32(stream, r.Uint32())
		}
		if !bytes.Equal(stream, c.Bytes) {
			t.Errorf("seed %d: stream %x", i, stream)
		}
		r = NewChaChaRand(seed(i))
		for j, want := range c.U32 {
			if got := r.Uint32(); got != want {
				t.Errorf("seed %d: word %d is %d, want %d", i, j, got, want)
			}
		}
		r = NewChaChaRand(seed(i))
		for j, want := range c.U64 {
			if got := strconv.FormatUint(r.Uint64(), 10); got != want {
				t.Errorf("seed %d: double word %d is %s, want %s", i, j, got, want)
			}
		}
	}
	for _, c := range v.Shuffles {
		if got := Shuffle(seed(c.Seed), c.N); !slices.Equal(got, c.Order) {
			t.Errorf("seed %d, %d items: %v, want %v", c.Seed, c.N, got, c.Order)
		}
	}
	for _, c := range v.Ranges {
		r := NewChaChaRand(seed(c.Seed))
		for _, x := range c.Values {
			if got := r.Uint64Below(x[0]); got != x[1] {
				t.Errorf("seed %d: %d below %d, want %d", c.Seed, got, x[0], x[1])
			}
		}
	}
}

func TestShuffleIsAPermutation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := [32]byte(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "seed"))
		n := rapid.IntRange(-1, 500).Draw(t, "n")
		order := Shuffle(seed, n)
		if len(order) != max(n, 0) {
			t.Fatalf("%d items", len(order))
		}
		slices.Sort(order)
		for i, v := range order {
			if v != uint32(i) {
				t.Fatalf("%d is missing", i)
			}
		}
		r := NewChaChaRand(seed)
		for range 20 {
			bound := rapid.Uint64().Draw(t, "bound")
			if got := r.Uint64Below(bound); got >= max(bound, 1) {
				t.Fatalf("%d is not below %d", got, bound)
			}
			if got := r.Uint32Below(uint32(bound)); got >= max(uint32(bound), 1) {
				t.Fatalf("%d is not below %d", got, uint32(bound))
			}
		}
	})
}
