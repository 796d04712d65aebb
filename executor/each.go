package executor

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// each calls f for 0 to n-1 on all processors, and returns the error of the lowest number.
func each(n int, f func(i int) error) error {
	const together = 64 // functions of a module: most take a microsecond or two
	chunks := (n + together - 1) / together
	errs := make([]error, chunks)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(chunks, runtime.GOMAXPROCS(0)) {
		wg.Go(func() {
			for {
				chunk := int(next.Add(1)) - 1
				if chunk >= chunks {
					return
				}
				for i := chunk * together; i < min(n, (chunk+1)*together); i++ {
					if errs[chunk] = f(i); errs[chunk] != nil {
						return
					}
				}
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
