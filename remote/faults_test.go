package remote

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pileus/chainspec"
	"pileus/hashing"
	"pileus/internal/fakenode"
	"pileus/primitives"
	"pileus/trie"
)

func TestMain(m *testing.M) {
	firstPause = time.Millisecond
	os.Exit(m.Run())
}

// smallNode has a state of a few keys.
func smallNode(t testing.TB) *fakenode.Node {
	raw := chainspec.Raw{Top: map[string][]byte{":code": make([]byte, 100), "a": []byte("1"), "b": []byte(strings.Repeat("2", 50)), "abc": []byte("3")}}
	for i := range 200 {
		raw.Top[fmt.Sprintf("map %d", i)] = []byte(fmt.Sprintf("a value that is not short at all: %d", i))
	}
	return serve(t, raw.State(trie.V1))
}

// on makes a fault of one method's calls from the n-th on.
func on(method string, from int, a *fakenode.Answer) func(context.Context, string, int) *fakenode.Answer {
	return func(_ context.Context, called string, n int) *fakenode.Answer {
		if called != method || n < from {
			return nil
		}
		return a
	}
}

func once(method string, a *fakenode.Answer) func(context.Context, string, int) *fakenode.Answer {
	return func(_ context.Context, called string, n int) *fakenode.Answer {
		if called != method || n > 0 {
			return nil
		}
		return a
	}
}

// TestFaults: each wrong answer ends in the error that it deserves, over both transports,
// and what can be mended by asking again is mended.
func TestFaults(t *testing.T) {
	header := func(change func(h map[string]any)) *fakenode.Answer {
		h := primitives.Header{Number: 4711, StateRoot: trie.EmptyRoot, ExtrinsicsRoot: trie.EmptyRoot}
		object := fakenode.HeaderJSON(&h)
		change(object)
		return &fakenode.Answer{Result: object}
	}
	hash := hashing.Blake2b256([]byte("other")).String()
	for _, c := range []struct {
		name  string
		fault func(context.Context, string, int) *fakenode.Answer
		want  error // nil: it is mended
		block string
	}{
		{name: "connection cut once", fault: once("chain_getHeader", &fakenode.Answer{Cut: true})},
		{name: "connection cut always", fault: on("chain_getHeader", 0, &fakenode.Answer{Cut: true}), want: ErrUnreachable},
		{name: "cut while reading", fault: on("state_getReadProof", 2, &fakenode.Answer{Cut: true}), want: ErrUnreachable},
		{name: "busy once", fault: once("state_getReadProof", &fakenode.Answer{Code: codeBusy, Message: "Server is busy, try again later"})},
		{name: "rate limit", fault: on("state_getReadProof", 0, &fakenode.Answer{Code: codeRateLimited, Message: "RPC rate limit exceeded"}), want: ErrBusy},
		{name: "not JSON", fault: on("chain_getHeader", 0, &fakenode.Answer{Raw: "<html>"}), want: ErrAnswer},
		{name: "deep JSON", fault: on("chain_getHeader", 0, &fakenode.Answer{Raw: strings.Repeat("[", 100_000)}), want: ErrAnswer},
		{name: "no result", fault: on("chain_getHeader", 0, &fakenode.Answer{Raw: `{"jsonrpc":"2.0","id":ID}`}), want: ErrAnswer},
		{name: "header is a number", fault: on("chain_getHeader", 0, &fakenode.Answer{Result: 1}), want: ErrAnswer},
		{name: "header without number", fault: on("chain_getHeader", 0, header(func(h map[string]any) { delete(h, "number") })), want: ErrAnswer},
		{name: "header with wrong log", fault: on("chain_getHeader", 0, header(func(h map[string]any) { h["digest"] = map[string]any{"logs": []string{"0x06"}} })), want: ErrAnswer},
		{name: "header of another block", fault: on("chain_getHeader", 0, header(func(map[string]any) {})), want: ErrHeader},
		{name: "block of another number", fault: on("chain_getBlockHash", 0, nil), want: ErrNoBlock, block: "@12"},
		{name: "unknown hash", fault: on("chain_getBlockHash", 5, nil), want: ErrNoBlock, block: "@" + hash},
		{name: "short hash", fault: on("chain_getFinalizedHead", 0, &fakenode.Answer{Result: "0x12"}), want: ErrAnswer},
		{name: "pruned", fault: on("state_getReadProof", 0, &fakenode.Answer{Code: 4003, Message: "Client error: UnknownBlock: State already discarded for 0x12"}), want: ErrPruned},
		{name: "unknown block", fault: on("state_getReadProof", 0, &fakenode.Answer{Code: 4003, Message: "Client error: UnknownBlock: Header was not found in the database: 0x12"}), want: ErrNoBlock},
		{name: "proof is null", fault: on("state_getReadProof", 1, &fakenode.Answer{Result: nil}), want: ErrAnswer},
		{name: "proof is empty", fault: on("state_getReadProof", 1, &fakenode.Answer{Result: map[string]any{"at": hash, "proof": []string{}}}), want: ErrProof},
		{name: "proof is garbage", fault: on("state_getReadProof", 0, &fakenode.Answer{Result: map[string]any{"at": hash, "proof": []string{"0x00", "0xffffffff", "0x"}}}), want: ErrProof},
		{name: "proof is no hex", fault: on("state_getReadProof", 0, &fakenode.Answer{Result: map[string]any{"at": hash, "proof": []string{"0xzz"}}}), want: ErrAnswer},
		{name: "too many nodes", fault: on("state_getReadProof", 0, &fakenode.Answer{Raw: `{"jsonrpc":"2.0","id":ID,"result":{"proof":["0x"` + strings.Repeat(`,"0x"`, maxNodes) + `]}}`}), want: ErrAnswer},
		{name: "answer too large", fault: on("state_getReadProof", 1, &fakenode.Answer{Raw: `{"jsonrpc":"2.0","id":ID,"result":"` + strings.Repeat("0", maxAnswer) + `"}`}), want: ErrTooLarge},
		{name: "keys are too large for one answer", fault: on("state_getReadProof", 1, &fakenode.Answer{Code: codeResponseTooBig, Message: "Response is too big"}), want: ErrTooLarge},
		{name: "no list of keys", fault: on("state_getKeysPaged", 0, &fakenode.Answer{Code: codeNoMethod, Message: "Method not found"})},
		{name: "wrong list of keys", fault: on("state_getKeysPaged", 0, &fakenode.Answer{Result: []string{"0xff", "0x", "0x00"}})},
	} {
		for transport, address := range map[string]func(*fakenode.Node) string{"ws": (*fakenode.Node).WS, "http": (*fakenode.Node).HTTP} {
			t.Run(c.name+" "+transport, func(t *testing.T) {
				n := smallNode(t)
				n.Fault = c.fault
				chain, err := Open(t.Context(), address(n)+c.block, Options{Timeout: 5 * time.Second})
				if err == nil {
					defer chain.Close()
					err = chain.State.Top().Visit(func(_, _ []byte) bool { return true })
				}
				if !errors.Is(err, c.want) {
					t.Fatalf("%v, not %v", err, c.want)
				}
				var at *Error
				if c.want != nil && !errors.As(err, &at) {
					t.Fatalf("%v names no node", err)
				}
				t.Log(err)
			})
		}
	}
}

// TestLies changes one nibble of each part of each proof in turn: nothing wrong is ever read.
func TestLies(t *testing.T) {
	n := smallNode(t)
	want := everything(t, n.State)
	for i := range 60 {
		lie := 0
		n.Fault = nil
		liar := &fakenode.Node{Name: n.Name, Genesis: n.Genesis, Header: n.Header, State: n.State}
		liar.Rewrite = func(method string, answer []byte) []byte {
			if method != "state_getReadProof" && method != "state_getKeysPaged" {
				return answer
			}
			text := string(answer)
			from := strings.Index(text, "[")
			at := from + 1 + (i*7919+lie*31)%(len(text)-from-1)
			lie++
			if old := text[at]; old >= '0' && old <= '8' {
				return []byte(text[:at] + string(old+1) + text[at+1:])
			}
			return answer
		}
		fakenode.Start(t, liar)
		chain, err := Open(t.Context(), liar.WS(), Options{})
		if err != nil {
			continue
		}
		err = chain.State.Top().Visit(func(k, v []byte) bool {
			if want[string(k)] != string(v) {
				t.Fatalf("lie %d: key %x is wrong", i, k)
			}
			return true
		})
		if err != nil && !errors.Is(err, ErrProof) && !errors.Is(err, ErrAnswer) {
			t.Fatal(err)
		}
		chain.Close()
	}
}

// TestNewestStateHelps: what has not changed since is found where the block's own state is discarded.
func TestNewestStateHelps(t *testing.T) {
	n := smallNode(t)
	c := open(t, n.WS(), Options{})
	want := everything(t, n.State)
	for _, known := range []string{"a", "map 8"} { // the nodes above
		if _, _, err := c.State.Top().Get([]byte(known), nil); err != nil {
			t.Fatal(err)
		}
	}
	base := n.Header.Hash().String()
	n.State, _ = n.State.Apply(trie.V1, []trie.Change{{Key: []byte("map 7"), Value: []byte("changed")}}, nil, nil)
	n.Header.Number++
	n.Header.StateRoot = n.State.Root()
	n.Refuse = func(params string) *fakenode.Answer {
		if strings.Contains(params, base) {
			return &fakenode.Answer{Code: 4003, Message: "UnknownBlock: State already discarded"}
		}
		return nil
	}
	for key, value := range map[string]string{":code": want[":code"], "b": want["b"], "abc": "3"} {
		v, ok, err := c.State.Top().Get([]byte(key), nil)
		if err != nil || !ok || string(v) != value {
			t.Errorf("%s: %q %v %v", key, v, ok, err)
		}
	}
	if _, _, err := c.State.Top().Get([]byte("map 7"), nil); !errors.Is(err, ErrPruned) {
		t.Errorf("what has changed: %v", err)
	}
}

func TestSlowNodeEnds(t *testing.T) {
	n := smallNode(t)
	n.Fault = func(ctx context.Context, method string, _ int) *fakenode.Answer {
		if method == "state_getReadProof" {
			<-ctx.Done()
			return &fakenode.Answer{Cut: true}
		}
		return nil
	}
	for _, address := range []string{n.WS(), n.HTTP()} {
		began := time.Now()
		_, err := Open(t.Context(), address, Options{Timeout: 100 * time.Millisecond})
		if !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "within 100ms (4 attempts)") {
			t.Errorf("%v", err)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("it took %v", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		if _, err := Open(ctx, address, Options{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		cancel()
	}
	n.Stop()
}

// TestDeadNodeIsNotWaitedFor: after it did not answer, it is not asked again at once.
func TestDeadNodeIsNotWaitedFor(t *testing.T) {
	n := smallNode(t)
	var lacking []string
	c := open(t, n.WS(), Options{Lacking: func(key []byte, err error) { lacking = append(lacking, string(key)) }})
	n.Stop()
	for range 2 {
		if _, _, err := c.State.Top().Get([]byte("b"), nil); !errors.Is(err, ErrUnreachable) {
			t.Fatal(err)
		}
	}
	if len(lacking) != 2 || lacking[0] != "b" {
		t.Errorf("lacking %q", lacking)
	}
	if c.node.client.dead() == nil {
		t.Error("it counts as alive")
	}
}

// TestDamagedCache: whatever is wrong with the files, what is read is right.
func TestDamagedCache(t *testing.T) {
	n := smallNode(t)
	want := everything(t, n.State)
	for name, damage := range map[string]func(b []byte) []byte{
		"cut":       func(b []byte) []byte { return b[:len(b)*2/3] },
		"flipped":   func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
		"long":      func(b []byte) []byte { b[32], b[33], b[34], b[35] = 255, 255, 255, 255; return b },
		"empty":     func(b []byte) []byte { return nil },
		"more":      func(b []byte) []byte { return append(b, 1, 2, 3) },
		"all wrong": func(b []byte) []byte { return make([]byte, len(b)) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			c := open(t, n.WS(), Options{CacheDir: dir})
			everything(t, c.State)
			c.Close()
			files, _ := filepath.Glob(filepath.Join(dir, "*", "nodes-*"))
			if len(files) != 1 {
				t.Fatalf("files %v", files)
			}
			b, err := os.ReadFile(files[0])
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(files[0], damage(b), 0o600); err != nil {
				t.Fatal(err)
			}
			again := open(t, n.WS(), Options{CacheDir: dir})
			same(t, everything(t, again.State), want)
		})
	}
}

func TestManyFilesBecomeOne(t *testing.T) {
	dir := t.TempDir()
	for i := range mergeFrom {
		s, err := openStore(dir)
		if err != nil {
			t.Fatal(err)
		}
		data := []byte{byte(i)}
		s.add([]node{{hashing.Blake2b256(data), data}})
		s.close()
	}
	for range 2 {
		s, err := openStore(dir)
		if err != nil {
			t.Fatal(err)
		}
		for i := range mergeFrom {
			if data, ok := s.get(hashing.Blake2b256([]byte{byte(i)})); !ok || data[0] != byte(i) {
				t.Fatalf("node %d: %v %v", i, data, ok)
			}
		}
		s.close()
		if files, _ := filepath.Glob(filepath.Join(dir, "nodes-*")); len(files) != 1 {
			t.Fatalf("%d files", len(files))
		}
	}
}

func TestAddresses(t *testing.T) {
	hash := "0x" + strings.Repeat("ab", 32)
	for text, want := range map[string]Address{
		"ws://host:9944":             {"ws://host:9944", "finalized"},
		"ws://host:9944@12":          {"ws://host:9944", "12"},
		"wss://host/path@best":       {"wss://host/path", "best"},
		"http://user:pw@host":        {"http://user:pw@host", "finalized"},
		"https://user:pw@host:1@7":   {"https://user:pw@host:1", "7"},
		"ws://localhost@" + hash:     {"ws://localhost", hash},
		"ws://user@localhost":        {"ws://user@localhost", "finalized"},
		"ws://host:9944@4294967296":  {},
		"ws://host:9944@latest":      {},
		"ws://host:9944@0xab":        {},
		"host:9944":                  {},
		"ftp://host":                 {},
		"ws://":                      {},
		"ws://host:port:more":        {},
		"ws://host:9944@-1":          {},
		"ws://host:9944@99999999999": {},
	} {
		a, err := ParseAddress(text)
		if want == (Address{}) {
			if err == nil {
				t.Errorf("%s is taken for %v", text, a)
			}
		} else if a != want || err != nil {
			t.Errorf("%s: %v %v", text, a, err)
		}
	}
	a, _ := ParseAddress("wss://user:secret@host@7")
	if s := a.String(); strings.Contains(s, "secret") {
		t.Errorf("shows the password: %s", s)
	}
}
