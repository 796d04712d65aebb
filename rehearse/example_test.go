package rehearse_test

import (
	"context"
	"fmt"

	"pileus"
	"pileus/rehearse"
)

// A team's CI rehearses the next runtime and fails if the chain would not go on.
func ExampleRun() {
	s := pileus.Defaults()
	s.Runtime, s.CacheDir = "phase1", ""
	report, err := rehearse.Run(context.Background(), rehearse.Config{Settings: s, Steps: []rehearse.Step{{Kind: rehearse.Upgrade, Arg: "phase3"}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(report)
	for _, step := range report.Steps {
		fmt.Printf("%s: a block every %.0f s, before every %.0f s\n", step.Title(), *step.After/1000, *step.Before/1000)
	}
	// Output:
	// The chain goes on through every step.
	// upgrade phase3: a block every 6 s, before every 12 s
}
