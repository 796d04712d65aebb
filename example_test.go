package pileus_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	"pileus"
	"pileus/internal/testdata"
	"pileus/pipeline"
)

// A runtime goes round for 20 relay blocks; what its team expects of it is asserted. The
// output is compared by TestExample, since the runtime is not part of the module:
//
//	a block every 6.0 s; nothing dropped
//	17 intervals, 18 blocks at their end
func Example() {
	settings := pileus.Defaults()
	settings.Wasm = "../shared/runtimes/phase3.wasm"
	settings.RelayBlocks = 20
	settings.BlockCost = 500 * time.Millisecond
	if err := pileus.SetRelayConfig(&settings.Relay, "scheduling_lookahead=3"); err != nil {
		fmt.Println(err)
		return
	}

	included := 0
	ctx := context.Background()
	sim, err := pileus.Start(ctx, settings, pileus.Options{
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
}

func TestExample(t *testing.T) {
	testdata.Shared(t, "runtimes/phase3.wasm")
	const want = "a block every 6.0 s; nothing dropped\n17 intervals, 18 blocks at their end\n"
	if got := output(t, Example); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// output is what f prints.
func output(t *testing.T, f func()) string {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout := os.Stdout
	os.Stdout = w
	defer func() { os.Stdout = stdout }()
	said := make(chan string)
	go func() {
		b, _ := io.ReadAll(r)
		said <- string(b)
	}()
	f()
	w.Close()
	return <-said
}
