package parachain

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"pileus/chainspec"
	"pileus/executor"
	"pileus/internal/testdata"
	"pileus/primitives"
	"pileus/runtimes"
	"pileus/scale"
	"pileus/trie"
)

// sharedHost keeps compiled runtimes for all tests, and on disk between their runs, since
// compiling takes seconds each.
var sharedHost = sync.OnceValues(func() (*Host, error) {
	engine, err := executor.NewEngine(context.Background(), executor.Config{CacheDir: filepath.Join(os.TempDir(), "pileus-test-cache")})
	if err != nil {
		return nil, err
	}
	return NewHost(engine), nil
})

func testHost(t testing.TB) *Host {
	t.Helper()
	h, err := sharedHost()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// runtimeCode is a real runtime, or with go/ a stage that is built in.
func runtimeCode(t testing.TB, name string) []byte {
	t.Helper()
	if stage, ok := strings.CutPrefix(name, "go/"); ok {
		code, ok := runtimes.Code(stage)
		if !ok {
			t.Fatalf("%s is not built in", stage)
		}
		return code
	}
	code, err := os.ReadFile(testdata.Shared(t, "runtimes/"+name+".wasm"))
	if err != nil {
		t.Fatal(err)
	}
	return code
}

func openRuntime(t testing.TB, h *Host, name string) *Chain {
	t.Helper()
	c, err := h.Open(context.Background(), RuntimeSpec(name, runtimeCode(t, name), "development"), Options{Collators: 2, Fund: true})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func openSpec(t testing.TB, h *Host, name string) (*Chain, error) {
	t.Helper()
	spec, err := chainspec.Load(testdata.Shared(t, "chainspecs/"+name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return h.Open(context.Background(), spec, Options{Collators: 2, Fund: true})
}

// Every block that is built here is imported as well, makes a collation, and the
// runtime's own validate_block accepts that.
func TestRound(t *testing.T) {
	runtimes := []string{"phase3", "elastic"}
	specs := []string{"people-next-paseo"}
	if !testing.Short() {
		runtimes = []string{"sync", "phase1", "phase3", "phase3-keep-slot", "elastic"}
		specs = []string{"bulletin-westend", "coretime-polkadot", "mythos", "penpal-westend", "people-next-paseo"}
	}
	h := testHost(t)
	for _, name := range runtimes {
		t.Run(name, func(t *testing.T) { round(t, h, openRuntime(t, h, name)) })
	}
	for _, name := range specs {
		t.Run(name, func(t *testing.T) {
			c, err := openSpec(t, h, name)
			if err != nil {
				t.Fatal(err)
			}
			round(t, h, c)
		})
	}
}

func round(t *testing.T, h *Host, c *Chain) {
	ctx := context.Background()
	t.Logf("para %d, %s, slots of %d ms, %d accounts, edits: %s", c.ParaID, c.Version, c.Facts.SlotDuration, len(c.Accounts), strings.Join(c.Edits, " "))
	relay := newStandIn(c.ParaID, c.Facts.MinRelayNumber()+100, c.Facts.MinRelaySlot()+1000)
	relay.slot -= relay.slot % 4 // slots of up to 24 s begin here
	meta := must(must(h.CodeAt(ctx, c.State, OnChain)).Metadata(ctx))
	transfers := must(NewTransfers(meta, c.Genesis.Hash(), c.Accounts, nil))
	parent, state := &c.Genesis, c.State
	for i := range 4 {
		// Two relay blocks a block, so that even the oldest runtimes take it.
		relay.number, relay.slot = relay.number+1, relay.slot+1
		point := relay.next(t, parent.EncodeTo(nil), c.Facts.RelayParentOffset)
		p := point.params(parent, state, c)
		for range 3 {
			p.Transactions = append(p.Transactions, must(transfers.Next(TransferContext{Number: parent.Number, Hash: parent.Hash()})))
		}
		b, err := h.Build(ctx, p)
		if err != nil {
			t.Fatal(err)
		}
		if len(b.Pushed) != 3 || b.End != EndNoMore {
			t.Errorf("%d of 3 transfers went in (%s); refused: %v", len(b.Pushed), b.End, b.Refused)
		}
		x, err := h.Execute(ctx, ExecuteParams{Parent: parent, ParentState: state, Block: &b.Block, Now: p.Timestamp + 1})
		if err != nil {
			t.Fatal("import:", err)
		}
		if x.State.Root() != b.State.Root() || x.ProofBytes != b.ProofBytes || x.Weight != b.Weight || x.Segment != b.Segment {
			t.Errorf("built %s, %d, %v, %d, imported %s, %d, %v, %d", b.State.Root(), b.ProofBytes, b.Weight, b.Segment, x.State.Root(), x.ProofBytes, x.Weight, x.Segment)
		}
		if b.Weight.RefTime == 0 || b.ProofBytes == 0 {
			t.Errorf("weight %v, proof of %d bytes", b.Weight, b.ProofBytes)
		}
		// Mythos let nobody transfer when it began: its transfers are in the blocks, but filtered.
		for _, event := range failures(t, h, b) {
			if filtered := strings.Contains(event, "error: 0x05"); !filtered || c.Version.SpecName != "mythos" {
				t.Error("a call failed:", event)
			}
		}
		validate(t, h, parent, b, point)
		t.Logf("block %d: %s, %d extrinsics, weight %v, proof %d bytes, segment %d", i+1, b.Hash.Short(), len(b.Block.Extrinsics), b.Weight, b.ProofBytes, b.Segment)
		parent, state = &b.Block.Header, b.State
	}
}

// failures lists the events of failed extrinsics.
func failures(t *testing.T, h *Host, b *Built) (list []string) {
	t.Helper()
	events, err := must(h.CodeAt(context.Background(), b.parent, OnChain)).Events(context.Background(), b.State)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		if e.Name == "ExtrinsicFailed" {
			list = append(list, e.String())
		}
	}
	return list
}

// validate runs the block's collation through validate_block.
func validate(t *testing.T, h *Host, parent *primitives.Header, b *Built, point *relayPoint) {
	t.Helper()
	col, err := h.Collation(context.Background(), CollationParams{Parent: parent, ParentState: b.parent, Blocks: []*Built{b}})
	if err != nil {
		t.Fatal(err)
	}
	checkCollation(t, h, col, parent, b.parent, point)
	if string(col.Commitments.HeadData) != string(b.Block.Header.EncodeTo(nil)) {
		t.Error("the head is not the sealed header")
	}
}

// checkCollation compares a collation with what validate_block makes of its PoV.
func checkCollation(t *testing.T, h *Host, col *Collation, parent *primitives.Header, state *trie.State, point *relayPoint) {
	t.Helper()
	ctx := context.Background()
	data, err := executor.Decompress(col.PoV.BlockData, primitives.PoVBombLimit)
	if err != nil {
		t.Fatal(err)
	}
	params := primitives.ValidationParams{
		ParentHead: parent.EncodeTo(nil), BlockData: data, RelayParentNumber: point.number, RelayParentStorageRoot: point.root,
	}
	code := must(h.CodeAt(ctx, state, OnChain))
	out, err := code.module.Call(ctx, "validate_block", params.EncodeTo(nil), executor.CallOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var result primitives.ValidationResult
	if err := scale.Decode(out, &result); err != nil {
		t.Fatal(err)
	}
	got, want := result.Commitments(), col.Commitments
	if g, w := got.EncodeTo(nil), want.EncodeTo(nil); string(g) != string(w) {
		t.Errorf("validate_block commits to %x, the collation to %x", g, w)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestOpenRefuses(t *testing.T) {
	h := testHost(t)
	if _, err := openSpec(t, h, "versi-relay"); !errors.Is(err, ErrRelayChain) {
		t.Errorf("a relay chain: %v", err)
	}
	code := runtimeCode(t, "phase3")
	_, err := h.Open(context.Background(), RuntimeSpec("x", code, "developmint"), Options{})
	if err == nil || !strings.Contains(err.Error(), `no preset "developmint"`) || !strings.Contains(err.Error(), "development") {
		t.Errorf("unknown preset: %v", err)
	}
	if _, err := h.Open(context.Background(), RuntimeSpec("x", nil, "development"), Options{}); err == nil {
		t.Error("no code")
	}
	if _, err := h.Open(context.Background(), RuntimeSpec("x", code[:5000], "development"), Options{}); err == nil {
		t.Error("code cut short")
	}
}
