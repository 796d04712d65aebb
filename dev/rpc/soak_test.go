package rpc_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"

	"pileus/dev"
	"pileus/dev/rpc"
	"pileus/dev/rpc/jsonrpc"
	"pileus/dev/store"
)

// BenchmarkSoak lets as many parachain blocks pass as PILEUS_SOAK says (7200 are an hour
// of 500 ms blocks), as fast as they come, with two transfers a block and forty
// subscribers. It reports what memory and file take after a tenth, at half and at the end.
//
//	PILEUS_SOAK=7200 go test -run '^$' -bench Soak/pruned -benchtime 1x -timeout 2h -v ./dev/rpc
//
// With PILEUS_SOAK_PROFILE it leaves profiles of the heap in that folder.
func BenchmarkSoak(b *testing.B) {
	blocks, err := strconv.Atoi(os.Getenv("PILEUS_SOAK"))
	if err != nil || blocks < 100 {
		b.Skip("set PILEUS_SOAK to a number of blocks, 100 or more")
	}
	for _, mode := range []struct {
		name    string
		pruning store.Pruning
		disk    bool
	}{{"archive/memory", 0, false}, {"archive/disk", 0, true}, {"pruned/memory", 256, false}, {"pruned/disk", 256, true}} {
		b.Run(mode.name, func(b *testing.B) {
			for b.Loop() {
				dir := ""
				if mode.disk {
					dir = b.TempDir()
				}
				soak(b, blocks, mode.pruning, dir)
			}
		})
	}
}

func soak(b *testing.B, blocks int, p store.Pruning, dir string) {
	n := start(b, func(c *dev.Config) { c.BlockTime, c.Pruning, c.DataDir = dev.BlockTime{Mode: dev.Manual}, p, dir })
	addr := serve(b, rpc.Para(n, info), jsonrpc.Options{})
	ctx, cancel := context.WithCancel(b.Context())
	var readers sync.WaitGroup
	for range 10 {
		for _, ask := range []string{
			`"chain_subscribeNewHeads","params":[]`, `"chain_subscribeFinalizedHeads","params":[]`,
			`"state_subscribeStorage","params":[["0x26aa394eea5630e07c48ae0c9558cef702a5c1b19ab7a04f536c519aca4983ac"]]`,
			`"chainHead_v1_follow","params":[true]`,
		} {
			c := dial(b, addr)
			readers.Go(func() { c.listen(ctx, ask) })
		}
	}
	sender, next := dial(b, addr), transfers(b, n)
	for tenth := 1; tenth <= 10; tenth++ {
		for n.Para().Best().Number() < uint32(blocks*tenth/10) {
			for range 2 {
				sender.ask(nil, "author_submitExtrinsic", hx(next()))
			}
			if _, err := n.NewBlock(ctx, 1, 0); err != nil {
				b.Fatal(err)
			}
		}
		rss, heap, file := footprint(b, dir)
		b.Logf("#%5d: resident %4d MiB, of the heap in use %4d MiB, file %4d MiB, %d goroutines", n.Para().Best().Number(), rss>>20, heap>>20, file>>20, runtime.NumGoroutine())
		if name := map[int]string{1: "start", 5: "middle", 10: "end"}[tenth]; name != "" {
			b.ReportMetric(float64(rss)/(1<<20), "MiB-"+name)
			b.ReportMetric(float64(heap)/(1<<20), "MiB-heap-"+name)
			b.ReportMetric(float64(file)/(1<<20), "MiB-file-"+name)
			profile(b, name)
		}
	}
	cancel()
	readers.Wait()
	if err := n.Close(); err != nil {
		b.Fatal(err)
	}
}

// listen reads a subscription's items to the end; a follow lets go of blocks as they become final.
func (c *client) listen(ctx context.Context, ask string) {
	defer c.ws.CloseNow()
	send := func(method string) error {
		return c.ws.Write(ctx, websocket.MessageText, []byte(`{"jsonrpc":"2.0","id":1,"method":`+method+`}`))
	}
	if send(ask) != nil {
		return
	}
	for {
		_, raw, err := c.ws.Read(ctx)
		if err != nil {
			return
		}
		var m message
		var e struct {
			Event     string   `json:"event"`
			Finalized []string `json:"finalizedBlockHashes"`
			Pruned    []string `json:"prunedBlockHashes"`
		}
		if json.Unmarshal(raw, &m) != nil || json.Unmarshal(m.Params.Result, &e) != nil || len(e.Finalized) == 0 {
			continue
		}
		done, _ := json.Marshal(append(e.Finalized, e.Pruned...))
		if send(fmt.Sprintf(`"chainHead_v1_unpin","params":["%s",%s]`, m.Params.Subscription, done)) != nil {
			return
		}
	}
}

// footprint is what the process and the store take, once what is not needed is given back.
func footprint(b *testing.B, dir string) (rss, heap, file int64) {
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Skip("resident memory is read from /proc: ", err)
	}
	for line := range strings.Lines(string(status)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "VmRSS:" {
			kib, _ := strconv.ParseInt(f[1], 10, 64)
			rss = kib << 10
		}
	}
	if dir != "" {
		info, err := os.Stat(filepath.Join(dir, store.FileName))
		if err != nil {
			b.Fatal(err)
		}
		file = info.Size()
	}
	return rss, int64(m.HeapInuse), file
}

func profile(b *testing.B, name string) {
	dir := os.Getenv("PILEUS_SOAK_PROFILE")
	if dir == "" {
		return
	}
	f, err := os.Create(filepath.Join(dir, strings.ReplaceAll(b.Name(), "/", "-")+"-"+name+".heap"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	if err := pprof.Lookup("heap").WriteTo(f, 0); err != nil {
		b.Fatal(err)
	}
}
