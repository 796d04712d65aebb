package rpc

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	"pileus/dev"
	"pileus/dev/rpc/jsonrpc"
	"pileus/primitives"
	"pileus/scale"
)

// codeControl: what was asked of the network could not be done; the message says why. It
// lies above the codes of a node's group dev.
const codeControl = 6100

func controlError(err error) error {
	if err == nil {
		return nil
	}
	return fail(codeControl, err.Error(), nil)
}

// AddControl registers the methods that steer the network: dev_*, all of them unsafe. Where
// Chopsticks or Anvil have a method for the same, its name is one of the names.
func AddControl(m *jsonrpc.Methods, n *dev.Node) {
	c := control{n}
	m.AddUnsafe(c.newBlock, "dev_newBlock", "dev_mine", "anvil_mine", "evm_mine")
	m.AddUnsafe(c.timeTravel, "dev_timeTravel")
	m.AddUnsafe(c.increaseTime, "dev_increaseTime", "evm_increaseTime")
	m.AddUnsafe(c.setBlockTime, "dev_setBlockTime", "dev_setBlockBuildMode", "evm_setIntervalMining")
	m.AddUnsafe(c.pause, "dev_pause")
	m.AddUnsafe(c.resume, "dev_resume")
	m.AddUnsafe(c.skipSlots, "dev_skipSlots")
	m.AddUnsafe(c.validatorsOffline, "dev_setValidatorsOffline")
	m.AddUnsafe(c.lateCandidates, "dev_lateCandidates")
	m.AddUnsafe(c.forkRelay, "dev_forkRelay", "anvil_reorg")
	m.AddUnsafe(c.setFinalityLag, "dev_setFinalityLag")
	m.AddUnsafe(c.setStorage, "dev_setStorage")
	m.AddUnsafe(c.fund, "dev_fund", "dev_setBalance", "anvil_setBalance")
	m.AddUnsafe(c.setRelayConfig, "dev_setRelayConfig")
	m.AddUnsafe(c.upgrade, "dev_upgrade", "dev_setCode")
	m.AddUnsafe(c.snapshot, "dev_snapshot", "anvil_snapshot", "evm_snapshot")
	m.AddUnsafe(c.revert, "dev_revert", "anvil_revert", "evm_revert")
	m.AddUnsafe(c.accounts, "dev_accounts")
}

type control struct{ node *dev.Node }

// newBlock makes blocks at once: {"count": n} or {"to": number} as in Chopsticks, or a number
// of blocks. The answer is the hash of the best block then.
func (x control) newBlock(ctx context.Context, c *jsonrpc.Call) (any, error) {
	var o blocks
	c.OptJSON("options", &o)
	if err := c.Err(); err != nil {
		return nil, err
	}
	hash, err := x.node.NewBlock(ctx, o.Count, o.To)
	if err != nil {
		return nil, controlError(err)
	}
	return hash, nil
}

// blocks says how many blocks to make, or up to which number.
type blocks struct{ Count, To uint32 }

// UnmarshalJSON reads a count as a number or hex, or an object.
func (b *blocks) UnmarshalJSON(raw []byte) error {
	if raw[0] == '{' {
		type plain blocks
		return json.Unmarshal(raw, (*plain)(b))
	}
	n, err := strconv.ParseUint(strings.Trim(string(raw), `"`), 0, 32)
	b.Count = uint32(n)
	return err
}

// moment is a time: milliseconds since 1970 or text.
type moment struct{ time.Time }

// UnmarshalJSON reads both forms; dates may leave out the time of day.
func (m *moment) UnmarshalJSON(raw []byte) (err error) {
	if raw[0] != '"' {
		ms, err := strconv.ParseInt(string(raw), 10, 64)
		m.Time = time.UnixMilli(ms)
		return err
	}
	text := strings.Trim(string(raw), `"`)
	for _, layout := range []string{time.RFC3339, time.DateTime, time.DateOnly} {
		if m.Time, err = time.Parse(layout, text); err == nil {
			return nil
		}
	}
	return err
}

// span is a duration: milliseconds, or text such as 3s; other words are left to who asked.
type span struct{ text string }

// UnmarshalJSON reads both forms.
func (s *span) UnmarshalJSON(raw []byte) error {
	if raw[0] == '"' {
		return json.Unmarshal(raw, &s.text)
	}
	ms, err := strconv.ParseUint(string(raw), 10, 32)
	s.text = strconv.FormatUint(ms, 10) + "ms"
	return err
}

// timeTravel puts the clock forward to a date: milliseconds since 1970 or text. The answer
// is when the next relay slot begins, in milliseconds.
func (x control) timeTravel(ctx context.Context, c *jsonrpc.Call) (any, error) {
	var to moment
	c.JSON("date", &to)
	if err := c.Err(); err != nil {
		return nil, err
	}
	at, err := x.node.TimeTravel(ctx, to.Time)
	if err != nil {
		return nil, controlError(err)
	}
	return at.UnixMilli(), nil
}

// increaseTime puts the clock forward by seconds.
func (x control) increaseTime(ctx context.Context, c *jsonrpc.Call) (any, error) {
	seconds := c.Number("seconds")
	if seconds > 1<<32 {
		c.Fail("seconds", "are too many")
	}
	if err := c.Err(); err != nil {
		return nil, err
	}
	at, err := x.node.TimeTravel(ctx, x.node.Now().Add(time.Duration(seconds)*time.Second))
	if err != nil {
		return nil, controlError(err)
	}
	return at.UnixMilli(), nil
}

// setBlockTime takes a duration of a relay slot ("500ms", or milliseconds), "manual" or "instant".
func (x control) setBlockTime(ctx context.Context, c *jsonrpc.Call) (any, error) {
	var pace span
	c.JSON("blockTime", &pace)
	if err := c.Err(); err != nil {
		return nil, err
	}
	b, err := dev.ParseBlockTime(strings.ToLower(pace.text))
	if err != nil {
		return nil, jsonrpc.InvalidParams(err.Error())
	}
	return nil, controlError(x.node.SetBlockTime(ctx, b))
}

func (x control) pause(ctx context.Context, _ *jsonrpc.Call) (any, error) {
	return nil, controlError(x.node.Pause(ctx))
}

func (x control) resume(ctx context.Context, _ *jsonrpc.Call) (any, error) {
	return nil, controlError(x.node.Resume(ctx))
}

// skipSlots lets the next relay slots pass without a block.
func (x control) skipSlots(ctx context.Context, c *jsonrpc.Call) (any, error) {
	count := c.Number("count")
	if err := c.Err(); err != nil {
		return nil, err
	}
	return nil, controlError(x.node.SkipSlots(ctx, int(min(count, 1<<30))))
}

// validatorsOffline takes the indices of those that are; an empty list brings all back.
func (x control) validatorsOffline(ctx context.Context, c *jsonrpc.Call) (any, error) {
	var list []primitives.ValidatorIndex
	c.JSON("validators", &list)
	if err := c.Err(); err != nil {
		return nil, err
	}
	return nil, controlError(x.node.SetValidatorsOffline(ctx, list...))
}

// lateCandidates delays what validators say about candidates for some relay blocks.
func (x control) lateCandidates(ctx context.Context, c *jsonrpc.Call) (any, error) {
	var late span
	c.JSON("delay", &late)
	blocks := c.Number("relayBlocks")
	if err := c.Err(); err != nil {
		return nil, err
	}
	delay, err := time.ParseDuration(late.text)
	if err != nil || blocks > 1<<31 {
		return nil, jsonrpc.InvalidParams("give a duration, such as 3s, and a number of relay blocks")
	}
	return nil, controlError(x.node.LateCandidates(ctx, delay, uint32(blocks)))
}

// forkRelay lets the relay chain build a branch from so many blocks below its best one until
// that is the longer one.
func (x control) forkRelay(ctx context.Context, c *jsonrpc.Call) (any, error) {
	depth := c.Number("depth")
	if err := c.Err(); err != nil {
		return nil, err
	}
	return nil, controlError(x.node.ForkRelay(ctx, int(min(depth, 1<<30))))
}

// setFinalityLag lets relay finality stay so many blocks behind the best one.
func (x control) setFinalityLag(ctx context.Context, c *jsonrpc.Call) (any, error) {
	lag := c.Number("relayBlocks")
	if err := c.Err(); err != nil {
		return nil, err
	}
	return nil, controlError(x.node.SetFinalityLag(ctx, int(min(lag, 1<<30))))
}

// setStorage takes [[key, value or null], …] as Chopsticks does, in hex; null removes. The
// answer is the hash of the block with the change.
func (x control) setStorage(ctx context.Context, c *jsonrpc.Call) (any, error) {
	var pairs [][2]*string
	c.JSON("values", &pairs)
	changes := make([]dev.StorageChange, 0, len(pairs))
	for _, p := range pairs {
		change := dev.StorageChange{Delete: p[1] == nil}
		var err error
		if p[0] == nil {
			c.Fail("values", "a key is missing")
			break
		}
		if change.Key, err = jsonrpc.ParseHex(*p[0]); err == nil && p[1] != nil {
			change.Value, err = jsonrpc.ParseHex(*p[1])
		}
		if err != nil {
			c.Fail("values", err.Error())
		}
		changes = append(changes, change)
	}
	if len(changes) == 0 {
		c.Fail("values", "are empty")
	}
	if err := c.Err(); err != nil {
		return nil, err
	}
	hash, err := x.node.SetStorage(ctx, changes)
	if err != nil {
		return nil, controlError(err)
	}
	return hash, nil
}

// fund gives an account a free balance: a number, decimal text or hex.
func (x control) fund(ctx context.Context, c *jsonrpc.Call) (any, error) {
	id := account(c, "account")
	var amount balance
	c.JSON("amount", &amount)
	if err := c.Err(); err != nil {
		return nil, err
	}
	hash, err := x.node.Fund(ctx, id, scale.U128(amount))
	if err != nil {
		return nil, controlError(err)
	}
	return hash, nil
}

// balance is an amount of up to 128 bits: a number, or text in decimal or hex.
type balance scale.U128

// UnmarshalJSON reads all three forms.
func (b *balance) UnmarshalJSON(raw []byte) error {
	n, ok := new(big.Int).SetString(strings.Trim(string(raw), `"`), 0)
	if !ok || n.Sign() < 0 || n.BitLen() > 128 {
		return errors.New("an amount of at most 128 bits expected")
	}
	b.Lo = new(big.Int).And(n, new(big.Int).SetUint64(math.MaxUint64)).Uint64()
	b.Hi = new(big.Int).Rsh(n, 64).Uint64()
	return nil
}

// setRelayConfig takes "key=value", as --set does.
func (x control) setRelayConfig(ctx context.Context, c *jsonrpc.Call) (any, error) {
	setting := c.Text("setting")
	if err := c.Err(); err != nil {
		return nil, err
	}
	return nil, controlError(x.node.SetRelayConfig(ctx, setting))
}

// upgrade submits new code in the name of the sudo key and answers how.
func (x control) upgrade(ctx context.Context, c *jsonrpc.Call) (any, error) {
	code := c.Bytes("code")
	if len(code) == 0 {
		c.Fail("code", "is empty")
	}
	if err := c.Err(); err != nil {
		return nil, err
	}
	how, err := x.node.Upgrade(ctx, code)
	if err != nil {
		return nil, controlError(err)
	}
	return how, nil
}

// accounts lists the funded development accounts with their secrets.
func (x control) accounts(context.Context, *jsonrpc.Call) (any, error) {
	type entry struct {
		Name    string      `json:"name"`
		Address string      `json:"address"`
		URI     string      `json:"uri"`
		Seed    jsonrpc.Hex `json:"seed"`
		Free    string      `json:"free"`
	}
	list := []entry{}
	for _, a := range x.node.Accounts() {
		list = append(list, entry{a.Name, a.Address, "//" + a.Name, a.Seed[:], a.Free})
	}
	return list, nil
}
