package pileus_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"pileus"
	"pileus/internal/testdata"
)

// settings are those of a run with compiled runtimes kept where the command keeps them.
func settings(t testing.TB) pileus.Settings {
	s := pileus.Defaults()
	if base, err := os.UserCacheDir(); err == nil {
		s.CacheDir = filepath.Join(base, "pileus")
	}
	_ = t
	return s
}

// BenchmarkRun runs 400 relay blocks of a real chain, start and all, with a warm cache:
//
//	go test -run '^$' -bench Run -benchtime 3x .
func BenchmarkRun(b *testing.B) {
	for _, spec := range []string{"people-next-paseo", "bulletin-westend"} {
		b.Run(spec, func(b *testing.B) {
			s := settings(b)
			s.Chain, s.RelayBlocks = testdata.Shared(b, "chainspecs/"+spec+".json"), 400
			for b.Loop() {
				sim, err := pileus.Start(context.Background(), s, pileus.Options{})
				if err != nil {
					b.Fatal(err)
				}
				report, err := sim.Run(context.Background())
				if err != nil {
					b.Fatal(err)
				}
				sim.Close()
				b.ReportMetric(float64(report.VirtualMs)/1000/(b.Elapsed().Seconds()/float64(b.N)), "times-real-time")
			}
		})
	}
}
