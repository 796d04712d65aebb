package rpc_test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pileus/crypto"
	"pileus/dev"
	"pileus/dev/rpc"
	"pileus/dev/rpc/jsonrpc"
	"pileus/dev/store"
	"pileus/hashing"
	"pileus/parachain"
	"pileus/scale"
	"pileus/txpool"
)

func hx(b []byte) string { return "0x" + hex.EncodeToString(b) }

// transfers makes signed transfers of the node's funded accounts, with length prefix.
func transfers(t testing.TB, n *dev.Node) func() []byte {
	t.Helper()
	code, err := n.Host().CodeAt(t.Context(), n.Chain().State, parachain.OffChain)
	if err != nil {
		t.Fatal(err)
	}
	meta, err := code.Metadata(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	list, err := parachain.NewTransfers(meta, n.Chain().Genesis.Hash(), n.Chain().Accounts, nil)
	if err != nil {
		t.Fatal(err)
	}
	return func() []byte {
		best := n.Para().Best()
		xt, err := list.Next(parachain.TransferContext{Number: best.Number(), Hash: best.Hash})
		if err != nil {
			t.Fatal(err)
		}
		return scale.AppendBytes(nil, xt)
	}
}

// reach waits until a block of that number is final.
func reach(t testing.TB, n *dev.Node, number uint32) *store.Block {
	t.Helper()
	sub := n.Para().Subscribe(1000)
	defer sub.Close()
	for n.Para().Finalized().Number() < number {
		if _, ok := <-sub.Events(); !ok {
			t.Fatal(sub.Err())
		}
	}
	h, _ := n.Para().CanonicalAt(number)
	b, _ := n.Para().Get(h)
	return b
}

func TestLegacyShapes(t *testing.T) {
	n := start(t, nil)
	addr := serve(t, rpc.Para(n, info), jsonrpc.Options{})
	c := dial(t, addr)
	b := reach(t, n, 2)
	genesis, hash := n.Para().Genesis(), b.Hash.String()
	state, err := n.Para().State(b.Hash)
	if err != nil {
		t.Fatal(err)
	}
	var logs []string
	for _, l := range b.Header.Digest {
		logs = append(logs, `"`+hx(l.EncodeTo(nil))+`"`)
	}
	header := fmt.Sprintf(`{"parentHash":"%s","number":"0x2","stateRoot":"%s","extrinsicsRoot":"%s","digest":{"logs":[%s]}}`,
		b.Parent(), b.Header.StateRoot, b.Header.ExtrinsicsRoot, strings.Join(logs, ","))
	var xts []string
	for _, x := range b.Extrinsics {
		xts = append(xts, `"`+hx(scale.AppendBytes(nil, x))+`"`)
	}
	const none = "0x" + "11111111" + "11111111" + "11111111" + "11111111" + "11111111" + "11111111" + "11111111" + "11111111"
	number := hx(hashing.StorageKey("System", "Number"))
	value, _, _ := state.Top().Get(hashing.StorageKey("System", "Number"), nil)
	valueHash := hashing.Blake2b256(value).String()
	tests := []struct {
		method string
		params []any
		want   string
	}{
		{"chain_getHeader", []any{hash}, header},
		{"chain_getHeader", []any{none}, "null"},
		{"chain_getBlock", []any{hash}, `{"block":{"header":` + header + `,"extrinsics":[` + strings.Join(xts, ",") + `]},"justifications":null}`},
		{"chain_getBlock", []any{none}, "null"},
		{"chain_getBlockHash", []any{0}, `"` + genesis.Hash.String() + `"`},
		{"chain_getBlockHash", []any{"0x2"}, `"` + hash + `"`},
		{"chain_getBlockHash", []any{[]any{2, 0, 99999999, "0xffffffffff"}}, `["` + hash + `","` + genesis.Hash.String() + `",null,null]`},
		{"chain_getBlockHash", []any{99999999}, "null"},
		{"chain_getBlockHash", []any{-1}, `-32602 Invalid params "hash: a whole number or its hex expected"`},
		{"state_getStorage", []any{number, hash}, `"0x02000000"`},
		{"state_getStorageAt", []any{strings.ToUpper(number[2:]), hash}, `"0x02000000"`},
		{"state_getStorage", []any{"0x0102", hash}, "null"},
		{"state_getStorageHash", []any{number, hash}, `"` + valueHash + `"`},
		{"state_getStorageSize", []any{number, hash}, "4"},
		{"state_getStorageSize", []any{"0x0102", hash}, "null"},
		{"state_getStorage", []any{number, none}, `4003 Client error: UnknownBlock: Header was not found in the database: ` + none + ` `},
		{"state_getStorage", []any{number, "0x00"}, `-32602 Invalid params "hash: a hash has 32 bytes, not 1"`},
		{"state_getKeysPaged", []any{number, 1000, nil, hash}, `["` + number + `"]`},
		{"state_getKeysPaged", []any{number, 1000, number, hash}, `[]`},
		{"state_getKeysPaged", []any{"0x", 1001}, `4002 count exceeds maximum value. value: 1001, max: 1000 `},
		{"state_getPairs", []any{number, hash}, `[["` + number + `","0x02000000"]]`},
		{"state_queryStorageAt", []any{[]any{number, "0x01"}, hash}, `[{"block":"` + hash + `","changes":[["` + number + `","0x02000000"],["0x01",null]]}]`},
		{"state_queryStorage", []any{[]any{number, "0x01"}, genesis.Hash.String(), hash}, ""},
		{"state_call", []any{"Core_nonsense", "0x", hash}, ""},
		{"childstate_getStorage", []any{"0x00", "0x00", hash}, `-32602 Invalid params "childStorageKey: is not the key of a child trie"`},
		{"childstate_getStorage", []any{hx([]byte(":child_storage:default:x")), "0x00", hash}, "null"},
		{"childstate_getKeysPaged", []any{hx([]byte(":child_storage:default:x")), "0x", 5, nil, hash}, "[]"},
		{"childstate_getStorageEntries", []any{hx([]byte(":child_storage:default:x")), []any{"0x00", "0x01"}, hash}, "[null,null]"},
		{"system_name", nil, `"pileus"`},
		{"system_chain", nil, `"Guide"`},
		{"system_chainType", nil, `"Development"`},
		{"system_properties", nil, `{"ss58Format":42,"tokenDecimals":12,"tokenSymbol":"UNIT"}`},
		{"system_health", nil, `{"isSyncing":false,"peers":0,"shouldHavePeers":false}`},
		{"system_nodeRoles", nil, `["Authority"]`},
		{"system_peers", nil, `[]`},
		{"system_accountNextIndex", []any{"nobody"}, `-32602 Invalid params "account: an SS58 address or the hex of an account expected"`},
		{"author_pendingExtrinsics", nil, `[]`},
		{"author_submitExtrinsic", []any{"0x0004"}, ""},
		{"author_submitExtrinsic", []any{"0x30"}, ""},
		{"offchain_localStorageSet", []any{"PERSISTENT", "0x01", "0x0203"}, "null"},
		{"offchain_localStorageGet", []any{"PERSISTENT", "0x01"}, `"0x0203"`},
		{"offchain_localStorageGet", []any{"LOCAL", "0x01"}, `null`},
		{"offchain_localStorageClear", []any{"PERSISTENT", "0x01"}, "null"},
		{"offchain_localStorageGet", []any{"PERSISTENT", "0x01"}, `null`},
		{"chainSpec_v1_chainName", nil, `"Guide"`},
		{"chainSpec_v1_genesisHash", nil, `"` + genesis.Hash.String() + `"`},
	}
	starts := map[string]string{
		"state_queryStorage": `[{"block":"` + genesis.Hash.String() + `","changes":[["` + number + `",null],["0x01",null]]},{"block":"`,
		"state_call":         "4003 Client error: ", "author_submitExtrinsic0x0004": "1002 Verification Error: ", "author_submitExtrinsic0x30": "1040 ",
	}
	for _, x := range tests {
		got := c.text(x.method, x.params...)
		want, prefix := x.want, starts[x.method]
		if prefix == "" && len(x.params) > 0 {
			prefix = starts[x.method+fmt.Sprint(x.params[0])]
		}
		if want == "" && prefix != "" && strings.HasPrefix(got, prefix) {
			continue
		}
		if got != want {
			t.Errorf("%s %v:\n got %s\nwant %s%s", x.method, x.params, got, want, prefix)
		}
	}
}

func TestRuntimeQuestions(t *testing.T) {
	n := start(t, nil)
	c := dial(t, serve(t, rpc.Para(n, info), jsonrpc.Options{}))
	var meta string
	c.ask(&meta, "state_getMetadata")
	if !strings.HasPrefix(meta, "0x6d657461") {
		t.Errorf("metadata begins with %.12s", meta)
	}
	var version struct {
		SpecName                    string
		SpecVersion                 uint32
		APIs                        [][2]any
		SystemVersion, StateVersion uint8
	}
	c.ask(&version, "state_getRuntimeVersion")
	if v := n.Chain().Version; version.SpecName != v.SpecName || version.SpecVersion != v.SpecVersion || len(version.APIs) != len(v.APIs) || version.StateVersion != v.SystemVersion {
		t.Errorf("%+v", version)
	}
	if got := version.APIs[0][0].(string); len(got) != 18 {
		t.Errorf("id of an API: %s", got)
	}
	var nonce uint64
	alice := crypto.SS58Encode(42, [32]byte(n.Chain().Accounts[0].ID))
	xt := transfers(t, n)()
	c.ask(&nonce, "system_accountNextIndex", alice)
	if nonce != 0 {
		t.Errorf("nonce %d", nonce)
	}
	var fee struct {
		Weight struct {
			RefTime uint64 `json:"ref_time"`
		}
		Class, PartialFee string
	}
	c.ask(&fee, "payment_queryInfo", hx(xt))
	if fee.Class != "normal" || fee.PartialFee == "" || fee.Weight.RefTime == 0 {
		t.Errorf("%+v", fee)
	}
	var details struct{ InclusionFee map[string]string }
	c.ask(&details, "payment_queryFeeDetails", hx(xt))
	if !strings.HasPrefix(details.InclusionFee["baseFee"], "0x") {
		t.Errorf("%+v", details)
	}
	var proof struct{ Proof []string }
	c.ask(&proof, "state_getReadProof", []string{hx(hashing.StorageKey("System", "Number"))})
	if len(proof.Proof) == 0 {
		t.Error("empty proof")
	}
	var methods struct{ Methods []string }
	c.ask(&methods, "rpc_methods")
	if !slices.IsSorted(methods.Methods) || !slices.Contains(methods.Methods, "account_nextIndex") || !slices.Contains(methods.Methods, "archive_v1_storageDiff_stopStorageDiff") {
		t.Errorf("%v", methods.Methods)
	}
	c.ask(nil, "system_dryRun", hx(xt))
}

func TestSubmitAndWatch(t *testing.T) {
	n := start(t, nil)
	c := dial(t, serve(t, rpc.Para(n, info), jsonrpc.Options{}))
	xt := transfers(t, n)()
	var sub string
	c.ask(&sub, "author_submitAndWatchExtrinsic", hx(xt))
	var kinds []string
	for {
		var item json.RawMessage
		c.next(sub, &item)
		kind := strings.Trim(string(item), `"`)
		var block map[string]string
		if json.Unmarshal(item, &block) == nil {
			for k, h := range block {
				kind = k
				hash, _ := jsonrpc.Hash32(h)
				b, ok := n.Para().Get(hash)
				if !ok || !slices.ContainsFunc(b.Extrinsics, func(x []byte) bool { return hx(scale.AppendBytes(nil, x)) == hx(xt) }) {
					t.Errorf("%s: block %s does not hold it", k, h)
				}
			}
		}
		if kinds = append(kinds, kind); kind == "finalized" {
			break
		}
	}
	if !slices.Equal(kinds, []string{"ready", "inBlock", "finalized"}) {
		t.Errorf("statuses %v", kinds)
	}
	if got := c.text("author_submitExtrinsic", hx(xt)); !strings.HasPrefix(got, "1010 Invalid Transaction") && !strings.HasPrefix(got, "1012 ") {
		t.Errorf("submitted again: %s", got)
	}
	// A transaction that waits for another one is known, then removed.
	next := transfers(t, n)
	next()
	later := next()
	if got := c.text("author_submitExtrinsic", hx(later)); !strings.HasPrefix(got, `"0x`) {
		t.Logf("second account: %s", got)
	}
	if got := c.text("author_submitExtrinsic", hx(later)); !strings.HasPrefix(got, "1013 Transaction Already Imported") && !strings.HasPrefix(got, "101") {
		t.Errorf("known: %s", got)
	}
	hash := txpool.HashOf(later[2:]).String()
	_ = c.text("author_removeExtrinsic", []any{map[string]string{"hash": hash}})
}

func TestHeads(t *testing.T) {
	n := start(t, nil)
	c := dial(t, serve(t, rpc.Para(n, info), jsonrpc.Options{}))
	type head struct{ Number, ParentHash string }
	for _, names := range [][2]string{{"chain_subscribeNewHeads", "chain_unsubscribeNewHeads"}, {"subscribe_newHead", "unsubscribe_newHead"}, {"chain_subscribeAllHeads", "chain_unsubscribeAllHeads"}, {"chain_subscribeFinalizedHeads", "chain_unsubscribeFinalisedHeads"}} {
		var sub string
		c.ask(&sub, names[0])
		last := int64(-1)
		for range 4 {
			var h head
			c.next(sub, &h)
			var number int64
			fmt.Sscanf(h.Number, "0x%x", &number)
			if number < last {
				t.Errorf("%s: %d after %d", names[0], number, last)
			}
			last = number
		}
		if got := c.text(names[1], sub); got != "true" {
			t.Errorf("%s: %s", names[1], got)
		}
	}
	var sub string
	c.ask(&sub, "state_subscribeRuntimeVersion")
	var v struct{ SpecName string }
	c.next(sub, &v)
	if v.SpecName != n.Chain().Version.SpecName {
		t.Errorf("%+v", v)
	}
	number := hx(hashing.StorageKey("System", "Number"))
	c.ask(&sub, "state_subscribeStorage", []string{number, "0x0102"})
	for i := range 3 {
		var set struct {
			Block   string
			Changes [][2]*string
		}
		c.next(sub, &set)
		if want := 2 - min(i, 1); len(set.Changes) != want || *set.Changes[0][0] != number || i == 0 && set.Changes[1][1] != nil {
			t.Errorf("%d: %+v", i, set)
		}
	}
	c.ask(&sub, "state_subscribeStorage")
	var all struct{ Changes [][2]*string }
	c.next(sub, &all)
	if !slices.ContainsFunc(all.Changes, func(x [2]*string) bool { return *x[0] == number }) {
		t.Errorf("%d changes, without the number", len(all.Changes))
	}
}
