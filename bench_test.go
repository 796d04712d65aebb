package pileus_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

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
				sim, err := pileus.Open(context.Background(), s, pileus.Options{})
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

// BenchmarkGoAndRust runs the guide's phase3 in Go and in Rust in turn, and says how much
// CPU time each takes per included block, start and all, and their ratio:
//
//	go test -run '^$' -bench GoAndRust -benchtime 3x .
func BenchmarkGoAndRust(b *testing.B) {
	for _, transfers := range []int{0, 20} {
		b.Run(fmt.Sprintf("transfers=%d", transfers), func(b *testing.B) {
			in := settings(b)
			in.RelayBlocks, in.Transfers = 200, transfers
			inRust := in
			in.Runtime, inRust.Wasm = "phase3", testdata.Shared(b, "runtimes/phase3.wasm")
			var perBlock [2]float64
			for b.Loop() {
				for i, s := range []pileus.Settings{in, inRust} {
					before := cpuTime(b)
					sim, err := pileus.Open(context.Background(), s, pileus.Options{})
					if err != nil {
						b.Fatal(err)
					}
					report, err := sim.Run(context.Background())
					if err != nil {
						b.Fatal(err)
					}
					sim.Close()
					perBlock[i] += (cpuTime(b) - before).Seconds() * 1000 / float64(report.Paras[0].Included)
				}
			}
			b.ReportMetric(perBlock[0]/float64(b.N), "go-ms/block")
			b.ReportMetric(perBlock[1]/float64(b.N), "rust-ms/block")
			b.ReportMetric(perBlock[0]/perBlock[1], "go/rust")
		})
	}
}

// BenchmarkShare says how much CPU time a run takes outside of Wasm for each second
// inside, host functions counted as outside, and which of those take most: as it is, where
// one validator's execution serves all, and where each executes:
//
//	go test -run '^$' -bench Share -benchtime 1x -v .
func BenchmarkShare(b *testing.B) {
	for _, all := range []bool{false, true} {
		b.Run(fmt.Sprintf("execute-all=%v", all), func(b *testing.B) {
			s := settings(b)
			s.Chain, s.RelayBlocks, s.ExecuteAll = testdata.Shared(b, "chainspecs/people-next-paseo.json"), 400, all
			for b.Loop() {
				share(b, s)
			}
		})
	}
}

func share(b *testing.B, s pileus.Settings) {
	sim, err := pileus.Open(context.Background(), s, pileus.Options{Measure: true})
	if err != nil {
		b.Fatal(err)
	}
	defer sim.Close()
	before, began := cpuTime(b), sim.Costs()
	if _, err := sim.Run(context.Background()); err != nil {
		b.Fatal(err)
	}
	cpu, costs := cpuTime(b)-before, sim.Costs()
	inside := costs.Time - began.Time - (costs.HostTime() - began.HostTime())
	b.ReportMetric((cpu-inside).Seconds()/inside.Seconds(), "outside/inside")
	b.ReportMetric(inside.Seconds()*1000/400, "ms-wasm/block")
	b.ReportMetric(cpu.Seconds()*1000/400, "ms-cpu/block")
	for i, h := range costs.Host {
		if i < 8 {
			b.Logf("%-50s %8d calls %8.1f ms", h.Name, h.Calls, h.Time.Seconds()*1000)
		}
	}
}

func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
