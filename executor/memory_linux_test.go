package executor

import (
	"bytes"
	"math/rand/v2"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// TestRegionReset writes here and there and expects the image back, with and without a
// system that says which pages were written.
func TestRegionReset(t *testing.T) {
	ask := written
	defer func() { written = ask }()
	for name, f := range map[string]func() *pagemap{"pagemap": ask, "none": func() *pagemap { return nil }} {
		t.Run(name, func(t *testing.T) {
			if written = f; name == "pagemap" && f() == nil {
				if os.Getenv("CI") == "true" {
					t.Fatal("this system does not say which pages were written")
				}
				t.Skip("this system does not say which pages were written (/proc/self/pagemap)")
			}
			rng := rand.New(rand.NewPCG(1, 2))
			page := unix.Getpagesize()
			data := make([]byte, 20*page+5)
			for i := range data {
				data[i] = byte(rng.Uint32())
			}
			size := 8 << 20
			want := make([]byte, size)
			copy(want, data)
			r := &region{image: newImage(data)}
			b := r.take(nil, uint64(size))
			for round := range 2*renewed + 3 {
				if !bytes.Equal(b, want) {
					t.Fatalf("round %d: memory is not as it was at first", round)
				}
				for range rng.IntN(40) {
					b[rng.IntN(size)]++
					b[rng.IntN(len(data)+2*maxHeap)]++
				}
				from := uint64(1<<20 + rng.IntN(6<<20))
				to := from + uint64(rng.IntN(1<<20))
				for i := from; i < to; i += 100 {
					b[i] = 1
				}
				if !r.reset(b, from, to) {
					t.Fatal("the region cannot be used again")
				}
			}
		})
	}
}
