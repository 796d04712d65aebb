package executor

import (
	"errors"
	"fmt"
	"testing"
)

// Every number comes once, and of several errors the lowest number's is returned.
func TestEach(t *testing.T) {
	for _, n := range []int{0, 1, 63, 64, 65, 1000} {
		seen := make([]int, n)
		if err := each(n, func(i int) error { seen[i]++; return nil }); err != nil {
			t.Error(n, err)
		}
		for i, times := range seen {
			if times != 1 {
				t.Errorf("%d of %d came %d times", i, n, times)
			}
		}
	}
	low, high := errors.New("low"), errors.New("high")
	for range 100 {
		err := each(1000, func(i int) error {
			switch {
			case i == 130 || i == 131:
				return fmt.Errorf("%d: %w", i, low)
			case i > 131 && i%7 == 0:
				return high
			}
			return nil
		})
		if !errors.Is(err, low) || err.Error() != "130: low" {
			t.Fatal(err)
		}
	}
}
