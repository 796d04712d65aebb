package rpc_test

import (
	"strings"
	"testing"

	"pileus/dev"
	"pileus/dev/rpc"
	"pileus/dev/rpc/jsonrpc"
	"pileus/hashing"
)

func TestControl(t *testing.T) {
	n := start(t, func(c *dev.Config) { c.BlockTime = dev.BlockTime{Mode: dev.Manual} })
	m := rpc.Para(n, info)
	rpc.AddControl(m, n)
	c := dial(t, serve(t, m, jsonrpc.Options{}))
	best := func() (number string) {
		var h struct{ Number string }
		c.ask(&h, "chain_getHeader")
		return h.Number
	}
	var hash string
	c.ask(&hash, "dev_newBlock")
	if best() != "0x1" || hash != n.Para().Best().Hash.String() {
		t.Errorf("after dev_newBlock: %s", best())
	}
	c.ask(nil, "dev_newBlock", map[string]int{"count": 2})
	c.ask(nil, "anvil_mine", "0x1")
	c.ask(nil, "dev_newBlock", map[string]int{"to": 6})
	if best() != "0x6" {
		t.Errorf("best %s", best())
	}
	now := n.Now()
	var at int64
	c.ask(&at, "evm_increaseTime", 3600)
	if at < now.UnixMilli()+3600_000 {
		t.Errorf("an hour after %v: %d", now, at)
	}
	c.ask(&at, "dev_timeTravel", now.AddDate(0, 0, 1).Format("2006-01-02T15:04:05Z07:00"))
	for _, x := range []struct {
		method string
		params []any
		want   string // beginning
	}{
		{"dev_timeTravel", []any{0}, "6100 that time is past"},
		{"dev_timeTravel", []any{"tomorrow"}, "-32602"},
		{"dev_newBlock", []any{map[string]int{"count": 1 << 30}}, "6100 1073741824 blocks at once"},
		{"dev_newBlock", []any{"many"}, "-32602"},
		{"dev_setBlockTime", []any{"never"}, "-32602"},
		{"dev_setBlockTime", []any{"100ms"}, "null"},
		{"dev_pause", nil, "null"},
		{"dev_resume", nil, "null"},
		{"dev_setBlockBuildMode", []any{"Manual"}, "null"},
		{"dev_skipSlots", []any{2}, "null"},
		{"dev_skipSlots", []any{1 << 40}, "6100 skip"},
		{"dev_setValidatorsOffline", []any{[]int{0}}, "null"},
		{"dev_setValidatorsOffline", []any{[]int{99}}, "6100 validator 99"},
		{"dev_setValidatorsOffline", []any{[]int{}}, "null"},
		{"dev_lateCandidates", []any{"3s", 2}, "null"},
		{"dev_lateCandidates", []any{3000, 2}, "null"},
		{"dev_lateCandidates", []any{"soon", 2}, "-32602"},
		{"dev_setRelayConfig", []any{"lookahead=4"}, "null"},
		{"dev_setRelayConfig", []any{"nonsense=4"}, "6100"},
		{"dev_upgrade", []any{"0x"}, "-32602"},
		{"dev_accounts", nil, `[{"name":"Alice","address":"5Grwva`},
	} {
		if got := c.text(x.method, x.params...); !strings.HasPrefix(got, x.want) {
			t.Errorf("%s %v: %.200s, want %s", x.method, x.params, got, x.want)
		}
	}
	// The state as relay governance would change it.
	ferdie := n.Accounts()[5]
	key := hx(hashing.StorageKey("Timers", "Test"))
	c.ask(&hash, "dev_setStorage", []any{[]any{key, "0x0102"}})
	if got := c.text("state_getStorage", key, hash); got != `"0x0102"` {
		t.Errorf("%s in block %s", got, hash)
	}
	c.ask(nil, "dev_fund", ferdie.Address, "0x10000000000000000")
	c.ask(nil, "dev_setFinalityLag", 4)
	if got := c.text("dev_forkRelay", 3); !strings.HasPrefix(got, "6100 a fork cannot begin below the final relay block") {
		t.Errorf("finality lags further, and has not yet: %s", got)
	}
	c.ask(nil, "dev_newBlock", 2)
	c.ask(nil, "dev_forkRelay", 3)
	for _, x := range []struct {
		method string
		params []any
		want   string
	}{
		{"dev_forkRelay", []any{99}, "6100 a fork cannot begin below the final relay block"},
		{"dev_setStorage", []any{[]any{}}, "-32602"},
		{"dev_setStorage", []any{[]any{[]any{nil, "0x"}}}, "-32602"},
		{"dev_setBalance", []any{ferdie.Address, -1}, "-32602"},
		{"dev_setFinalityLag", []any{0}, "6100 finality lag 0"},
	} {
		if got := c.text(x.method, x.params...); !strings.HasPrefix(got, x.want) {
			t.Errorf("%s %v: %.200s, want %s", x.method, x.params, got, x.want)
		}
	}
	// Back to a snapshot: heads begin again from there, a chainHead is told to follow anew.
	var snapshot uint64
	var heads, followed string
	c.ask(&snapshot, "evm_snapshot")
	was := best()
	c.ask(nil, "dev_newBlock", 2)
	c.ask(&heads, "chain_subscribeNewHeads")
	c.ask(&followed, "chainHead_v1_follow", false)
	if got := c.text("evm_revert", snapshot); got != "true" || best() != was {
		t.Errorf("%s: best %s, was %s", got, best(), was)
	}
	for head := (struct{ Number string }{}); head.Number != was; {
		c.next(heads, &head)
	}
	for e := (struct{ Event string }{}); e.Event != "stop"; {
		c.next(followed, &e)
	}
	c.ask(nil, "dev_newBlock")
	if got := c.text("dev_revert", snapshot); !strings.HasPrefix(got, "6100 there is no such snapshot") {
		t.Error(got)
	}
	safe := dial(t, serveSafe(t, m))
	if got := safe.text("dev_newBlock"); got != "-32601 RPC call is unsafe to be called externally " {
		t.Error(got)
	}
}
