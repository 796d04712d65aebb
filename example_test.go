package pileus_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"pileus"
	"pileus/pipeline"
)

// The guide's chain in its last stage goes round for 20 relay blocks; what its team expects
// of it is asserted.
func Example() {
	settings := pileus.Defaults()
	settings.Runtime = "phase3" // or settings.Wasm, settings.Chain: a file
	settings.RelayBlocks = 20
	settings.CacheDir = filepath.Join(os.TempDir(), "pileus-example") // compiled once
	settings.BlockCost = 500 * time.Millisecond
	if err := pileus.SetRelayConfig(&settings.Relay, "scheduling_lookahead=3"); err != nil {
		fmt.Println(err)
		return
	}

	included := 0
	ctx := context.Background()
	sim, err := pileus.Open(ctx, settings, pileus.Options{
		OnEvent: func(t pipeline.Timed) {
			if _, ok := t.Event.(pipeline.Included); ok {
				included++
			}
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sim.Close()
	report, err := sim.Run(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := report.Check(pileus.BlockEvery(6*time.Second, 0.03), pileus.NothingDropped(), pileus.AtLeastIncluded(15)); err != nil {
		fmt.Println(err)
	}
	fmt.Println(report.Verdict)
	fmt.Printf("%d intervals, %d blocks at their end\n", report.Paras[0].Stages[0].Intervals, included)
	// Output:
	// a block every 6.0 s; nothing dropped
	// 17 intervals, 18 blocks at their end
}
