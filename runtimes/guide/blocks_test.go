package guide

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"pileus/frame/frametest"
	"pileus/hashing"
	"pileus/metadata"
	"pileus/primitives"
	"pileus/scale"
)

// both are the Go and the Rust chain of a stage.
func both(t testing.TB, stageName string) (chains [2]*frametest.Chain) {
	t.Helper()
	for i, m := range []frametest.Machine{frametest.Native(stage(stageName).Runtime), rust(t, stageName)} {
		c, err := frametest.New(m, "development")
		if err != nil {
			t.Fatal(err)
		}
		chains[i] = c
	}
	return chains
}

// TestCallsAsRust: every call is encoded, weighed and charged as in Rust.
func TestCallsAsRust(t *testing.T) {
	chains := both(t, "phase3")
	bob := frametest.Account("Bob")
	one := scale.U128{Lo: 2e12}
	sched := metadata.Tuple(metadata.U128(one), metadata.U128(scale.U128{Lo: 1e9}), metadata.Uint(3))
	remark, err := chains[1].Meta.EncodeCall("System", "remark", []byte{1, 2})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		pallet, call string
		args         []any
	}{
		{"System", "remark", []any{[]byte{}}}, {"System", "remark", []any{make([]byte, 1000)}},
		{"System", "set_heap_pages", []any{uint64(7)}},
		{"System", "set_code", []any{[]byte{1, 2, 3}}}, {"System", "set_code_without_checks", []any{[]byte{1, 2, 3}}},
		{"System", "set_storage", []any{[]any{}}}, {"System", "set_storage", []any{[]any{metadata.Tuple(metadata.Bytes([]byte("a")), metadata.Bytes([]byte("b")))}}},
		{"System", "kill_storage", []any{[]any{}}}, {"System", "kill_storage", []any{[]any{metadata.Bytes([]byte("a")), metadata.Bytes([]byte("b"))}}},
		{"System", "kill_prefix", []any{[]byte("abc"), 0}}, {"System", "kill_prefix", []any{[]byte("abc"), 10}},
		{"System", "remark_with_event", []any{[]byte{}}}, {"System", "remark_with_event", []any{make([]byte, 1000)}},
		{"System", "authorize_upgrade", []any{[32]byte{1}}}, {"System", "authorize_upgrade_without_checks", []any{[32]byte{1}}}, {"System", "apply_authorized_upgrade", []any{[]byte{1}}},
		{"ParachainSystem", "sudo_send_upward_message", []any{[]byte{1}}},
		{"Balances", "transfer_allow_death", []any{bob[:], one}}, {"Balances", "force_transfer", []any{bob[:], bob[:], one}},
		{"Balances", "transfer_keep_alive", []any{bob[:], one}}, {"Balances", "transfer_all", []any{bob[:], true}},
		{"Balances", "force_unreserve", []any{bob[:], one}}, {"Balances", "upgrade_accounts", []any{[]any{}}}, {"Balances", "upgrade_accounts", []any{[]any{metadata.Bytes(bob[:])}}},
		{"Balances", "force_set_balance", []any{bob[:], one}}, {"Balances", "force_adjust_total_issuance", []any{"Increase", one}},
		{"Balances", "burn", []any{one, true}}, {"Balances", "burn", []any{one, false}},
		{"Vesting", "vest", nil}, {"Vesting", "vest_other", []any{bob[:]}}, {"Vesting", "vested_transfer", []any{bob[:], sched}},
		{"Vesting", "force_vested_transfer", []any{bob[:], bob[:], sched}}, {"Vesting", "merge_schedules", []any{0, 1}}, {"Vesting", "force_remove_vesting_schedule", []any{bob[:], 0}},
		{"Sudo", "sudo", []any{metadata.Raw(remark)}}, {"Sudo", "sudo_unchecked_weight", []any{metadata.Raw(remark), metadata.Tuple(metadata.Uint(5), metadata.Uint(6))}},
		{"Sudo", "set_key", []any{bob[:]}}, {"Sudo", "sudo_as", []any{bob[:], metadata.Raw(remark)}}, {"Sudo", "remove_key", nil},
		{"Timers", "lock", nil}, {"Timers", "lock_by_relay", nil}, {"Timers", "unlock", nil},
	} {
		var infos, details [2][]byte
		var signed [2][]byte
		for i, c := range chains {
			c.SetNonce("Alice", 0)
			x, err := c.Sign("Alice", 0, tc.pallet, tc.call, tc.args...)
			if err != nil {
				t.Fatalf("%s.%s: %v", tc.pallet, tc.call, err)
			}
			signed[i] = x
			args := scale.AppendU32(scale.AppendBytes(nil, x), uint32(len(x)))
			if infos[i], err = c.Query("TransactionPaymentApi_query_info", args); err != nil {
				t.Fatal(err)
			}
			if details[i], err = c.Query("TransactionPaymentApi_query_fee_details", args); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(signed[0], signed[1]) {
			t.Errorf("%s.%s is encoded %x, in Rust %x", tc.pallet, tc.call, signed[0], signed[1])
		}
		if !bytes.Equal(infos[0], infos[1]) || !bytes.Equal(details[0], details[1]) {
			t.Errorf("%s.%s costs %x %x, in Rust %x %x", tc.pallet, tc.call, infos[0], details[0], infos[1], details[1])
		}
	}
}

// names are the accounts that transact: with money, and without.
var names = []string{"Alice", "Bob", "Charlie", "Ferdie", "Nobody", "Somebody"}

// step draws an extrinsic for both chains.
func step(t *rapid.T, chains [2]*frametest.Chain) (out [2][]byte, what string) {
	name := rapid.SampledFrom(names)
	who := name.Draw(t, "signer")
	account := func() []byte {
		a := frametest.Account(name.Draw(t, "account"))
		return a[:]
	}
	amount := func() scale.U128 {
		return rapid.SampledFrom([]scale.U128{{}, {Lo: 1}, {Lo: 999_999_999}, {Lo: 1_000_000_000}, {Lo: 5_000_000_000}, {Lo: 1_000_000_000_000}, {Lo: 2_500_000_000_000},
			{Lo: 999_999_000_000_000_000}, {Lo: 1_000_000_000_000_000_000}, {Lo: 1, Hi: 1}}).Draw(t, "amount")
	}
	schedule := func() metadata.Value {
		return metadata.Tuple(metadata.U128(amount()), metadata.U128(amount()), metadata.Uint(rapid.Uint64Range(0, 20).Draw(t, "start")))
	}
	index := func() uint32 { return rapid.Uint32Range(0, 2).Draw(t, "index") }
	var call func() (pallet, call string, args []any)
	calls := []func() (string, string, []any){
		func() (string, string, []any) { return "Balances", "transfer_keep_alive", []any{account(), amount()} },
		func() (string, string, []any) { return "Balances", "transfer_allow_death", []any{account(), amount()} },
		func() (string, string, []any) {
			return "Balances", "transfer_all", []any{account(), rapid.Bool().Draw(t, "keep")}
		},
		func() (string, string, []any) {
			return "Balances", "burn", []any{amount(), rapid.Bool().Draw(t, "keep")}
		},
		func() (string, string, []any) { return "Balances", "force_set_balance", []any{account(), amount()} },
		func() (string, string, []any) {
			return "Balances", "force_transfer", []any{account(), account(), amount()}
		},
		func() (string, string, []any) {
			return "Balances", "force_adjust_total_issuance", []any{rapid.SampledFrom([]string{"Increase", "Decrease"}).Draw(t, "direction"), amount()}
		},
		func() (string, string, []any) { return "Balances", "upgrade_accounts", []any{[]any{account()}} },
		func() (string, string, []any) { return "Vesting", "vest", nil },
		func() (string, string, []any) { return "Vesting", "vest_other", []any{account()} },
		func() (string, string, []any) { return "Vesting", "vested_transfer", []any{account(), schedule()} },
		func() (string, string, []any) {
			return "Vesting", "force_vested_transfer", []any{account(), account(), schedule()}
		},
		func() (string, string, []any) { return "Vesting", "merge_schedules", []any{index(), index()} },
		func() (string, string, []any) {
			return "Vesting", "force_remove_vesting_schedule", []any{account(), index()}
		},
		func() (string, string, []any) { return "Timers", "lock", nil },
		func() (string, string, []any) { return "Timers", "lock_by_relay", nil },
		func() (string, string, []any) { return "Timers", "unlock", nil },
		func() (string, string, []any) { return "System", "remark_with_event", []any{[]byte("words")} },
		func() (string, string, []any) {
			return "System", "set_storage", []any{[]any{metadata.Tuple(metadata.Bytes([]byte("a")), metadata.Bytes([]byte("b")))}}
		},
		func() (string, string, []any) { return "System", "set_heap_pages", []any{uint64(7)} },
		func() (string, string, []any) {
			return "System", "kill_storage", []any{[]any{metadata.Bytes([]byte("a"))}}
		},
		func() (string, string, []any) { return "System", "kill_prefix", []any{[]byte("a"), uint32(1)} },
		func() (string, string, []any) {
			return "System", "authorize_upgrade_without_checks", []any{hashOf([]byte{1})}
		},
		func() (string, string, []any) { return "Balances", "force_unreserve", []any{account(), amount()} },
		func() (string, string, []any) { return "Sudo", "remove_key", nil },
		func() (string, string, []any) { return "System", "authorize_upgrade", []any{hashOf([]byte{1})} },
		func() (string, string, []any) { return "System", "apply_authorized_upgrade", []any{[]byte{1}} },
		func() (string, string, []any) { return "System", "set_code", []any{[]byte{1, 2, 3}} },
		func() (string, string, []any) { return "System", "set_code_without_checks", []any{[]byte{1, 2, 3}} },
		func() (string, string, []any) {
			return "ParachainSystem", "sudo_send_upward_message", []any{[]byte("up")}
		},
		func() (string, string, []any) { return "Sudo", "set_key", []any{account()} },
	}
	call = calls[rapid.IntRange(0, len(calls)-1).Draw(t, "call")]
	pallet, method, args := call()
	wrap := rapid.SampledFrom([]string{"", "", "sudo", "sudo_as", "sudo_unchecked_weight"}).Draw(t, "wrap")
	var as []byte
	if wrap == "sudo_as" {
		as = account()
	}
	tip := rapid.SampledFrom([]uint64{0, 0, 7, 1 << 50}).Draw(t, "tip")
	skew := rapid.SampledFrom([]int{0, 0, 0, 0, 1, -1}).Draw(t, "nonce")
	for i, c := range chains {
		encoded, err := c.Meta.EncodeCall(pallet, method, args...)
		if err != nil {
			t.Fatal(err)
		}
		switch wrap {
		case "sudo":
			encoded, err = c.Meta.EncodeCall("Sudo", "sudo", metadata.Raw(encoded))
		case "sudo_as":
			encoded, err = c.Meta.EncodeCall("Sudo", "sudo_as", as, metadata.Raw(encoded))
		case "sudo_unchecked_weight":
			encoded, err = c.Meta.EncodeCall("Sudo", "sudo_unchecked_weight", metadata.Raw(encoded), metadata.Tuple(metadata.Uint(1000), metadata.Uint(0)))
		}
		if err != nil {
			t.Fatal(err)
		}
		nonce, err := c.Query("AccountNonceApi_account_nonce", accountBytes(who))
		if err != nil {
			t.Fatal(err)
		}
		n := int(scale.NewDecoder(nonce).U32()) + skew
		c.SetNonce(who, uint64(max(n, 0)))
		if out[i], err = c.SignCall(who, tip, encoded); err != nil {
			t.Fatal(err)
		}
	}
	return out, strings.TrimSpace(fmt.Sprintf("%s: %s %s.%s %v tip %d", who, wrap, pallet, method, args, tip))
}

func hashOf(b []byte) [32]byte { return hashing.Blake2b256(b) }

func accountBytes(name string) []byte {
	a := frametest.Account(name)
	return a[:]
}

// TestBlocksAsRust: whatever is in the blocks, Go and Rust make the same ones, with the
// same results, events, proof sizes and state.
func TestBlocksAsRust(t *testing.T) {
	var start [][2]*frametest.Chain
	for _, s := range Stages {
		start = append(start, both(t, s.Name))
	}
	rapid.Check(t, func(t *rapid.T) {
		c := start[rapid.IntRange(0, len(start)-1).Draw(t, "stage")]
		testBlocks(t, [2]*frametest.Chain{c[0].Clone(), c[1].Clone()})
	})
}

func testBlocks(t *rapid.T, chains [2]*frametest.Chain) {
	relay := frametest.Relay{Number: 100, Slot: firstSlot - 1, Included: chains[0].Genesis.EncodeTo(nil)}
	var queue primitives.Hash
	channels := make([]primitives.Hash, rapid.IntRange(0, 3).Draw(t, "channels"))
	for n := range rapid.IntRange(1, 4).Draw(t, "blocks") {
		var list [2][][]byte
		var says []string
		for range rapid.IntRange(0, 5).Draw(t, "extrinsics") {
			x, what := step(t, chains)
			says = append(says, what)
			list[0], list[1] = append(list[0], x[0]), append(list[1], x[1])
		}
		ahead := rapid.SampledFrom([]uint64{0, 1, 2, 2, 4}).Draw(t, "relay blocks ahead")
		relay = frametest.Relay{Number: relay.Number + uint32(ahead), Slot: relay.Slot + ahead, Included: relay.Included}
		if n == 0 {
			relay.Slot = firstSlot
		}
		if rapid.IntRange(0, 3).Draw(t, "parent included") > 0 {
			relay.Included = chains[0].Head.EncodeTo(nil)
		}
		if rapid.IntRange(0, 5).Draw(t, "signal") == 0 {
			signal := rapid.SampledFrom([]primitives.UpgradeGoAhead{primitives.UpgradeAbort, primitives.UpgradeApproved}).Draw(t, "go-ahead")
			relay.GoAhead = &signal
		}
		relay.Restricted = rapid.IntRange(0, 5).Draw(t, "restricted") == 0
		for range rapid.SampledFrom([]int{0, 0, 0, 1, 2}).Draw(t, "downward messages") {
			m := primitives.InboundMessage{SentAt: relay.Number, Data: []byte("down")}
			relay.Downward = append(relay.Downward, m)
			queue = primitives.ChainMessage(queue, m)
		}
		relay.DmqHead = queue
		for sender, head := range channels {
			in := frametest.Ingress{Sender: primitives.ParaID(1000 + sender)}
			for range rapid.SampledFrom([]int{0, 0, 0, 1, 2}).Draw(t, "horizontal messages") {
				m := primitives.InboundMessage{SentAt: relay.Number, Data: []byte("across")}
				in.Messages = append(in.Messages, m)
				head = primitives.ChainMessage(head, m)
			}
			in.Head, channels[sender] = head, head
			relay.Ingress = append(relay.Ingress, in)
		}
		if rapid.IntRange(0, 2).Draw(t, "core") == 0 {
			relay.Digest = drawDigest(t)
		}
		if rapid.IntRange(0, 2).Draw(t, "narrow") == 0 {
			config := frametest.DefaultConfig
			config[0] = rapid.SampledFrom([]uint32{2, 3 << 20}).Draw(t, "max code size")
			config[2], config[3] = rapid.Uint32Range(0, 3).Draw(t, "queue count"), rapid.Uint32Range(0, 60).Draw(t, "queue size")
			config[4], config[5] = rapid.SampledFrom([]uint32{1, 65531}).Draw(t, "message size"), rapid.Uint32Range(0, 2).Draw(t, "messages")
			config[6] = rapid.Uint32Range(0, 20).Draw(t, "horizontal messages")
			relay.Config = &config
		}
		if rapid.IntRange(0, 3).Draw(t, "peer") == 0 {
			relay.Peer = []byte("peer")
		}
		var blocks [2]*frametest.Block
		var errs [2]error
		for i, c := range chains {
			r := relay
			blocks[i], errs[i] = c.Advance(&r, list[i]...)
		}
		if errs[0] != nil || errs[1] != nil {
			if errs[0] == nil || errs[1] == nil {
				t.Fatalf("block %d: Go %v, Rust %v", n+1, errs[0], errs[1])
			}
			return
		}
		compare(t, chains, blocks, says)
		var infos [2][]byte
		for i, c := range chains {
			var err error
			if infos[i], err = c.Query("CollectCollationInfo_collect_collation_info", c.Head.EncodeTo(nil)); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(infos[0], infos[1]) {
			t.Fatalf("collation info %x, in Rust %x", infos[0], infos[1])
		}
	}
}

// drawDigest are items that say for which core the block is, and where in its bundle it stands.
func drawDigest(t *rapid.T) (list primitives.Digest) {
	for range rapid.SampledFrom([]int{0, 1, 1, 1, 2}).Draw(t, "core infos") {
		info := primitives.CoreInfo{Selector: rapid.ByteRange(0, 2).Draw(t, "selector"), ClaimQueueOffset: rapid.SampledFrom([]byte{0, 0, 1, 1, 2, 3}).Draw(t, "offset"), NumberOfCores: rapid.Uint16Range(0, 300).Draw(t, "cores")}
		list = append(list, primitives.CumulusItem{Kind: primitives.CumulusCoreInfo, Core: info}.DigestItem())
	}
	if rapid.Bool().Draw(t, "bundle") {
		bundle := primitives.BundleInfo{Index: rapid.ByteRange(0, 2).Draw(t, "index"), IsLast: rapid.Bool().Draw(t, "last")}
		list = append(list, primitives.CumulusItem{Kind: primitives.CumulusBundleInfo, Bundle: bundle}.DigestItem())
	}
	return list
}

func compare(t *rapid.T, chains [2]*frametest.Chain, blocks [2]*frametest.Block, says []string) {
	if blocks[0].Header.Hash() == blocks[1].Header.Hash() && blocks[0].Proof == blocks[1].Proof {
		return
	}
	for i, r := range blocks[0].Results {
		if !bytes.Equal(r, blocks[1].Results[i]) {
			t.Errorf("extrinsic %d: %x, in Rust %x", i, r, blocks[1].Results[i])
		}
	}
	for i := range max(len(blocks[0].Events), len(blocks[1].Events)) {
		var s [2]string
		for j, b := range blocks {
			if i < len(b.Events) {
				s[j] = b.Events[i].String()
			}
		}
		if s[0] != s[1] {
			t.Errorf("event %d:\n  %s\n  in Rust %s", i, s[0], s[1])
		}
	}
	for _, d := range differences(chains[0], chains[1]) {
		t.Errorf("state: %.300s", d)
	}
	t.Fatalf("proofs of %d and %d bytes; extrinsics:\n%s", blocks[0].Proof, blocks[1].Proof, strings.Join(says, "\n"))
}
