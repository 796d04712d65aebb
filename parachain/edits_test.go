package parachain

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pileus/hashing"
	"pileus/metadata"
	"pileus/primitives"
	"pileus/scale"
	"pileus/trie"
)

// Sessions to come do not bring foreign authorities back: the chain is set right before
// the ends of two sessions, and keeps its development keys.
func TestSessionsKeepKeys(t *testing.T) {
	ctx := context.Background()
	h := testHost(t)
	for _, name := range []string{"bulletin-westend", "coretime-polkadot", "mythos", "penpal-westend", "people-next-paseo"} {
		t.Run(name, func(t *testing.T) {
			c := must(openSpec(t, h, name))
			relay := newStandIn(c.ParaID, 100, 4000)
			parent, state := &c.Genesis, c.State
			sessions := sessionIndex(t, state)
			for i := range uint32(3) {
				// Sessions last 6 h, in blocks of 2, 6 or 12 s: all end here.
				number := 10800*(i+1) - 1
				state = must(state.Apply(c.Version.StateVersion(), []trie.Change{
					{Key: hashing.StorageKey("System", "Number"), Value: scale.AppendU32(nil, number)},
				}, nil, nil))
				parent = &primitives.Header{Number: number, StateRoot: state.Root()}
				relay.number, relay.slot = relay.number+4, relay.slot+4
				point := relay.next(t, parent.EncodeTo(nil), c.Facts.RelayParentOffset)
				p := point.params(parent, state, c)
				if i == 0 {
					p.Key = &c.Keys[0]
				}
				b, err := h.Build(ctx, p)
				if err != nil {
					t.Fatal(err)
				}
				parent, state = &b.Block.Header, b.State
			}
			if got := sessionIndex(t, state); got < sessions+2 {
				t.Errorf("session %d after %d: none has ended", got, sessions)
			}
			info := must(h.Info(ctx, state))
			if !slices.Equal(info.Authorities, c.Facts.Authorities) {
				t.Errorf("authorities %x, at first %x", info.Authorities, c.Facts.Authorities)
			}
			for _, k := range c.Keys {
				if !slices.Contains(info.Authorities, k.Public) {
					t.Errorf("%s is no authority", k.Name)
				}
			}
		})
	}
}

func sessionIndex(t *testing.T, s *trie.State) uint32 {
	t.Helper()
	v, _, err := s.Top().Get(hashing.StorageKey("Session", "CurrentIndex"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(v) == 0 {
		return 0
	}
	return scale.NewDecoder(v).U32()
}

func TestCollatorCounts(t *testing.T) {
	h := testHost(t)
	code := runtimeCode(t, "phase3")
	for _, n := range []int{0, 1, 2, 5, 9} {
		c, err := h.Open(context.Background(), RuntimeSpec("guide", code, "development"), Options{Collators: n})
		if err != nil {
			t.Fatal(err)
		}
		want := n
		if n == 0 {
			want = 2
		}
		if len(c.Facts.Authorities) != want || len(c.Keys) != n || len(c.Accounts) != 0 {
			t.Errorf("%d collators: %d authorities, %d keys", n, len(c.Facts.Authorities), len(c.Keys))
		}
		if edited := len(c.Edits) > 0; edited != (n != 0 && n != 2) {
			t.Errorf("%d collators: edits %q", n, c.Edits)
		}
	}
}

// Funds are given only where nobody has them, and then the issuance counts them.
func TestFunds(t *testing.T) {
	ctx := context.Background()
	h := testHost(t)
	c := must(openSpec(t, h, "mythos"))
	meta := must(must(h.CodeAt(ctx, c.State, OnChain)).Metadata(ctx))
	e := &editor{meta: meta, state: c.State}
	sum := scale.U128{}
	it := must(c.State.Top().Iter(must(meta.StorageKey("System", "Account")), nil, nil))
	for {
		_, ok, err := it.Next()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			break
		}
		v, _, err := meta.DecodeStorage("System", "Account", must(it.Value()))
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range []string{"free", "reserved"} {
			amount, _ := v.Get("data", part)
			sum, _ = sum.Add(amount.Int)
		}
	}
	total, _, err := e.get("Balances", "TotalIssuance")
	if err != nil || total.Int != sum {
		t.Errorf("issuance %v, the accounts have %v, %v", total, metadata.U128(sum), err)
	}
	if len(c.Accounts) != devAccounts || len(c.Accounts[0].ID) != 20 || !strings.Contains(fmt.Sprint(c.Edits), "No development account had funds") {
		t.Errorf("%d accounts, %v", len(c.Accounts), c.Edits)
	}
	if c := openRuntime(t, h, "phase3"); len(c.Accounts) != devAccounts || len(c.Edits) != 0 {
		t.Errorf("the preset has funded accounts: %d, %v", len(c.Accounts), c.Edits)
	}
}

func TestSchemeOf(t *testing.T) {
	for path, want := range map[string]string{"app_sr25519": "sr25519", "app_ed25519": "ed25519", "app_ecdsa": "error"} {
		elem := metadata.TypeID(0)
		m := &metadata.Metadata{
			Types: metadata.Registry{
				{Path: []string{"sp_consensus_aura", strings.TrimPrefix(path, "app_"), path, "Public"}, Def: metadata.TypeDef{Kind: metadata.DefComposite}},
				{Path: []string{"bounded_collections", "bounded_vec", "BoundedVec"}, Params: []metadata.TypeParam{{Name: "T", Type: &elem}}, Def: metadata.TypeDef{Kind: metadata.DefComposite}},
			},
			Pallets: []metadata.Pallet{{Name: "Aura", Storage: &metadata.PalletStorage{Prefix: "Aura", Entries: []metadata.StorageEntry{{Name: "Authorities", Value: 1}}}}},
		}
		s, err := schemeOf(m)
		if got := s.String(); (err != nil) != (want == "error") || err == nil && got != want {
			t.Errorf("%s: %s, %v", path, got, err)
		}
	}
}
