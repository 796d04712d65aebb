package rpc_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"pileus/crypto"
	"pileus/dev"
	"pileus/dev/rpc"
	"pileus/dev/rpc/jsonrpc"
	"pileus/hashing"
	"pileus/metadata"
	"pileus/parachain"
	"pileus/scale"
	"pileus/txpool"
)

// BenchmarkLoad offers 2,000 signed transfers per second to a chain of 6 s blocks over 200
// connections, with 500 subscribers of new heads beside them, for as long as PILEUS_LOAD
// says (such as 1m). It reports how late blocks are, how many transfers were included, what
// the others were refused with, and the CPU time of it all, the clients' among it; they are
// in the same process, and have signed beforehand. It is no timed test: run it on a quiet
// machine.
//
//	PILEUS_LOAD=1m go test -run '^$' -bench Load -benchtime 1x -v ./dev/rpc
func BenchmarkLoad(b *testing.B) {
	if os.Getenv("PILEUS_LOAD") == "" {
		b.Skip("set PILEUS_LOAD to a duration")
	}
	length, err := time.ParseDuration(os.Getenv("PILEUS_LOAD"))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		load(b, length)
	}
}

const (
	loadAccounts = 200
	loadRate     = 2000 // transfers per second
	loadIncluded = 150  // more per second than the chain takes
	loadReaders  = 500
)

func load(b *testing.B, length time.Duration) {
	n := start(b, func(c *dev.Config) { c.BlockTime = dev.BlockTime{Mode: dev.Manual} })
	addr := serve(b, rpc.Para(n, info), jsonrpc.Options{MaxConnections: loadAccounts + 100})
	senders := fund(b, n, length)
	var mu sync.Mutex
	var late []time.Duration
	if err := n.SetBlockTime(b.Context(), dev.BlockTime{}); err != nil {
		b.Fatal(err)
	}
	if err := n.OnLate(b.Context(), func(d time.Duration) {
		mu.Lock()
		late = append(late, d)
		mu.Unlock()
	}); err != nil {
		b.Fatal(err)
	}
	before, cpu, first := memory(), cpuTime(b), n.Para().Best().Number()
	ctx, cancel := context.WithTimeout(b.Context(), length)
	defer cancel()
	var work sync.WaitGroup
	heads := 0
	for i := range 50 {
		c := dial(b, addr)
		for range loadReaders / 50 {
			c.ask(nil, "chain_subscribeNewHeads")
		}
		context.AfterFunc(ctx, func() { c.ws.CloseNow() })
		work.Go(func() {
			for ctx.Err() == nil {
				_, _, err := c.ws.Read(ctx)
				if err != nil {
					return
				}
				if i == 0 {
					heads++
				}
			}
		})
	}
	outcomes := map[string]int{}
	for _, s := range senders {
		c := dial(b, addr)
		context.AfterFunc(ctx, func() { c.ws.CloseNow() })
		work.Go(func() {
			mine := s.run(ctx, c, time.Second*loadAccounts/loadRate)
			mu.Lock()
			defer mu.Unlock()
			for k, v := range mine {
				outcomes[k] += v
			}
		})
	}
	work.Wait()
	cpu = cpuTime(b) - cpu
	included, blocks := 0, n.Para().Best().Number()-first
	for i := range blocks {
		h, _ := n.Para().CanonicalAt(first + 1 + i)
		block, _ := n.Para().Get(h)
		included += len(block.Extrinsics) - inherents
	}
	mu.Lock()
	defer mu.Unlock()
	slices.Sort(late)
	offered := 0
	for _, v := range outcomes {
		offered += v
	}
	b.ReportMetric(float64(late[len(late)*99/100].Milliseconds()), "ms-late-p99")
	b.ReportMetric(float64(offered)/length.Seconds(), "offered/s")
	b.ReportMetric(float64(included)/length.Seconds(), "included/s")
	b.ReportMetric(cpu.Seconds()/length.Seconds(), "cpus")
	for _, k := range slices.Sorted(maps.Keys(outcomes)) {
		b.Logf("%7d %s", outcomes[k], k)
	}
	b.Logf("late: p50 %v, p90 %v, p99 %v, most %v, of %d", late[len(late)/2], late[len(late)*9/10], late[len(late)*99/100], late[len(late)-1], len(late))
	b.Logf("%d blocks, %d heads at the first reader, memory %d MiB before, %d after", blocks, heads, before>>20, memory()>>20)
}

const inherents = 2 // of a block of the built-in chain

func memory() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse
}

// sender is an account of its own with what it is going to send: its transfers in the order
// of their nonces, each a whole request.
type sender struct{ requests [][]byte }

// fund gives money to the senders' accounts, which are derived from numbers, and lets them
// sign as much as pool and chain can take in that time, twice over.
func fund(b *testing.B, n *dev.Node, length time.Duration) (list []*sender) {
	code, err := n.Host().CodeAt(b.Context(), n.Chain().State, parachain.OffChain)
	if err != nil {
		b.Fatal(err)
	}
	meta, err := code.Metadata(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	alice, err := parachain.NewTransfers(meta, n.Chain().Genesis.Hash(), n.Chain().Accounts, nil)
	if err != nil {
		b.Fatal(err)
	}
	for i := range loadAccounts {
		pair := crypto.NewSr25519FromSeed(hashing.Blake2b256(fmt.Append(nil, "load", i)))
		public := pair.Public()
		list = append(list, sign(b, n, meta, metadata.Signer{Scheme: metadata.Sr25519, Account: public[:], Sign: func(msg []byte) []byte {
			sig := pair.Sign(msg)
			return sig[:]
		}}, 2*(txpool.DefaultLimits().Ready+int(length.Seconds())*loadIncluded)/loadAccounts))
		xt, err := alice.Make(0, public[:], scale.U128{Lo: 1e15}, uint64(i), parachain.TransferContext{})
		if err == nil {
			_, err = n.Submit(b.Context(), xt)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	for range 10 {
		if _, err := n.NewBlock(b.Context(), 1, 0); err != nil {
			b.Fatal(err)
		}
		if list, _ := n.Pending(b.Context()); len(list) == 0 {
			break
		}
	}
	return list
}

// sign makes an account's transfers.
func sign(b *testing.B, n *dev.Node, meta *metadata.Metadata, signer metadata.Signer, count int) *sender {
	s := &sender{}
	call, err := meta.EncodeCall("Balances", "transfer_keep_alive", n.Chain().Accounts[0].ID, scale.U128{Lo: 1e6})
	if err != nil {
		b.Fatal(err)
	}
	for nonce := range count {
		xt, err := meta.SignedExtrinsic(signer, call, metadata.TxParams{Nonce: uint64(nonce), Genesis: n.Chain().Genesis.Hash(), Asset: metadata.None()})
		if err != nil {
			b.Fatal(err)
		}
		s.requests = append(s.requests, fmt.Appendf(nil, `{"jsonrpc":"2.0","id":1,"method":"author_submitExtrinsic","params":["%s"]}`, hx(scale.AppendBytes(nil, xt))))
	}
	return s
}

// run submits a transfer every so often and counts the answers. A refused one is tried again.
func (s *sender) run(ctx context.Context, c *client, every time.Duration) map[string]int {
	answers := map[string]int{}
	for next := time.Now(); len(s.requests) > 0; next = next.Add(every) { // one that had to wait is made up for
		select {
		case <-ctx.Done():
			return answers
		case <-time.After(time.Until(next)):
		}
		answer, ok := c.send(ctx, s.requests[0])
		if !ok {
			return answers
		}
		if answer == "taken" {
			s.requests = s.requests[1:]
		}
		answers[answer]++
	}
	return answers
}

// send is author_submitExtrinsic; false when the connection has ended.
func (c *client) send(ctx context.Context, request []byte) (answer string, ok bool) {
	if c.ws.Write(ctx, websocket.MessageText, request) != nil {
		return "", false
	}
	_, raw, err := c.ws.Read(ctx)
	if err != nil {
		return "", false
	}
	var m message
	if json.Unmarshal(raw, &m) != nil || m.Error == nil {
		return "taken", true
	}
	return fmt.Sprintf("%d %s", m.Error.Code, m.Error.Message), true
}

func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
