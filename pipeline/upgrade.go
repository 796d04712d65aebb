package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"pileus/hashing"
	"pileus/metadata"
	"pileus/parachain"
	"pileus/primitives"
	"pileus/relay"
	"pileus/trie"
	"pileus/txpool"
	"pileus/world"
)

// An upgrade of a parachain's code goes the way that its runtime has for it:
//
//	key of sudo is ours ─────────────────────────────► sudo(System.set_code)
//	key of sudo is not ours ─► edit: Sudo.Key ───────► sudo(System.set_code)
//	no sudo ─► edit: what governance would leave ────► unsigned System.apply_authorized_upgrade
//	           in System.AuthorizedUpgrade
//	older runtimes ─► the same in ParachainSystem ───► unsigned ParachainSystem.enact_authorized_upgrade
//
// An edit is a head that the relay chain's root forces upon the parachain ([Edit]): no
// validator has checked it. All that follows is real again.

// UpgradeWay is how new code gets into a chain.
type UpgradeWay uint8

// The ways.
const (
	WayNone       UpgradeWay = iota // there is none
	WaySudo                         // by the sudo key, which is a development account
	WaySudoEdited                   // by the sudo key, which has to be replaced by one
	WayAuthorized                   // System.AuthorizedUpgrade and apply_authorized_upgrade
	WayLegacy                       // ParachainSystem.AuthorizedUpgrade and enact_authorized_upgrade
)

// Words say what is done, for a person.
func (w UpgradeWay) Words() string {
	switch w {
	case WaySudo:
		return "sudo(System.set_code) by the chain's own sudo key, a development account"
	case WaySudoEdited:
		return "sudo(System.set_code), after an edit of the state: Sudo.Key is foreign and was replaced by a development account"
	case WayAuthorized:
		return "unsigned System.apply_authorized_upgrade, after an edit of the state: System.AuthorizedUpgrade as governance would leave it"
	case WayLegacy:
		return "unsigned ParachainSystem.enact_authorized_upgrade, after an edit of the state: ParachainSystem.AuthorizedUpgrade as governance would leave it"
	}
	return "no way"
}

// WayOf finds how a runtime takes new code, by its metadata. ours tells whether the
// account that holds the sudo key can sign here.
func WayOf(m *metadata.Metadata, ours bool) UpgradeWay {
	has := func(pallet, item, call string) bool {
		_, _, err := m.StorageEntry(pallet, item)
		if err != nil {
			return false
		}
		_, err = m.EncodeCall(pallet, call, []byte{})
		return err == nil
	}
	switch {
	case m.Pallet("Sudo") != nil && ours:
		return WaySudo
	case has("System", "AuthorizedUpgrade", "apply_authorized_upgrade"):
		return WayAuthorized
	case has("ParachainSystem", "AuthorizedUpgrade", "enact_authorized_upgrade"):
		return WayLegacy
	case m.Pallet("Sudo") != nil:
		return WaySudoEdited
	}
	return WayNone
}

// ErrNoWay says that new code cannot get into a chain.
var ErrNoWay = errors.New("its runtime has neither pallet Sudo nor System.AuthorizedUpgrade nor ParachainSystem.AuthorizedUpgrade")

// upgrade is one that is on its way into the chain.
type upgrade struct {
	code   []byte
	way    UpgradeWay
	edited *primitives.Hash // the block of the edit; nil without one
	tx     primitives.Hash  // of the transaction, once submitted
}

// UpgradeWay is how the first parachain, as it stands, takes new code.
func (n *Network) UpgradeWay() (UpgradeWay, error) {
	code, best, err := n.Runtime()
	if err != nil {
		return WayNone, err
	}
	meta, err := code.Metadata(n.ctx)
	if err != nil {
		return WayNone, err
	}
	return WayOf(meta, n.chains[0].sudo(best) >= 0), nil
}

// Upgrade brings new code of the first parachain on its way, and says how. What follows
// is told by events: [StateEdited] where the way needs it, [UpgradeSubmitted], [UpgradeDispatched].
func (n *Network) Upgrade(code []byte) (how string, err error) {
	c := n.chains[0]
	way, err := n.UpgradeWay()
	switch {
	case err != nil:
		return "", err
	case way == WayNone:
		return "", ErrNoWay
	}
	c.upgrade = &upgrade{code: code, way: way}
	if way == WaySudo {
		return way.Words(), n.submitUpgrade(c, c.nodes[0].Best())
	}
	n.Edit(n.authorize(c.upgrade))
	return way.Words(), nil
}

// authorize is the edit that lets the upgrade in.
func (n *Network) authorize(u *upgrade) Edit {
	c := n.chains[0]
	var entry parachain.StorageEdit
	return Edit{
		Changes: func(at *parachain.Entry) ([]trie.Change, error) {
			code, err := c.Host.CodeAt(n.ctx, at.State, parachain.OnChain)
			if err != nil {
				return nil, err
			}
			meta, err := code.Metadata(n.ctx)
			if err != nil {
				return nil, err
			}
			if entry, err = u.entry(meta, c.Chain.Accounts); err != nil {
				return nil, err
			}
			return entry.Changes(n.ctx, at, code)
		},
		Done: func(hash primitives.Hash, err error) {
			if err != nil {
				n.fail(fmt.Errorf("edit the state: %w", err))
				return
			}
			u.edited = &hash
			block := ParaBlock{Para: c.id, Hash: hash}
			if e, ok := c.nodes[0].Get(hash); ok {
				block.Number = e.Number()
			}
			n.tell(StateEdited{block, entry.Pallet + "." + entry.Item, u.way.Words()})
		},
	}
}

// entry is the storage entry that authorises the upgrade.
func (u *upgrade) entry(m *metadata.Metadata, accounts []parachain.Account) (parachain.StorageEdit, error) {
	if u.way == WaySudoEdited {
		if len(accounts) == 0 {
			return parachain.StorageEdit{}, parachain.ErrNoTransfers
		}
		return parachain.StorageEdit{Pallet: "Sudo", Item: "Key", Value: metadata.Bytes(accounts[0].ID)}, nil
	}
	pallet := "System"
	if u.way == WayLegacy {
		pallet = "ParachainSystem"
	}
	hash := hashing.Blake2b256(u.code)
	value := metadata.Bytes(hash[:])
	_, e, err := m.StorageEntry(pallet, "AuthorizedUpgrade")
	if err != nil {
		return parachain.StorageEdit{}, err
	}
	if t := m.Types.Type(e.Value); t != nil && len(t.Def.Fields) == 2 { // the hash alone before check_version came
		value = metadata.Tuple(value, metadata.Bool(true))
	}
	return parachain.StorageEdit{Pallet: pallet, Item: "AuthorizedUpgrade", Value: value}, nil
}

// submitUpgrade puts the upgrade's transaction into the chain's pool.
func (n *Network) submitUpgrade(c *chain, best *parachain.Entry) error {
	u := c.upgrade
	runtime, err := c.Host.CodeAt(n.ctx, best.State, parachain.OffChain)
	if err != nil {
		return err
	}
	meta, err := runtime.Metadata(n.ctx)
	if err != nil {
		return err
	}
	xt, err := n.upgradeTransaction(c, meta)
	if err != nil {
		return fmt.Errorf("make the upgrade's transaction: %w", err)
	}
	u.tx = txpool.HashOf(xt)
	n.tell(UpgradeSubmitted{c.id, hashing.Blake2b256(u.code), u.way.Words(), len(xt)})
	n.pool(c, txpool.Submit{Extrinsic: xt, Source: txpool.External})
	return nil
}

func (n *Network) upgradeTransaction(c *chain, meta *metadata.Metadata) ([]byte, error) {
	pallet, call := "System", "apply_authorized_upgrade"
	switch c.upgrade.way {
	case WaySudo, WaySudoEdited:
		xt, _, err := n.SignSudo("System", "set_code", c.upgrade.code)
		return xt, err
	case WayLegacy:
		pallet, call = "ParachainSystem", "enact_authorized_upgrade"
	}
	encoded, err := meta.EncodeCall(pallet, call, c.upgrade.code)
	if err != nil {
		return nil, err
	}
	version := uint8(4)
	if v := meta.Extrinsic.Versions; len(v) > 0 && !slices.Contains(v, 4) {
		version = 5
	}
	return metadata.BareExtrinsic(version, encoded), nil
}

// afterEdit submits what waited for an edit, once the best block was built on it. Right after
// the edit a collator may still build beside it: the runtime refuses the code there, and the
// pool, which has such a block for the best one then, bans the transaction.
func (n *Network) afterEdit(c *chain, best *parachain.Entry) {
	u := c.upgrade
	if u == nil || u.edited == nil || !u.tx.IsZero() || best.Hash == *u.edited {
		return
	}
	for e, ok := best, true; ok && e.Hash != *u.edited; e, ok = c.nodes[0].Get(e.Block.Header.ParentHash) {
		if e.Number() == 0 || e.Number()+8 < best.Number() {
			return
		}
	}
	if err := n.submitUpgrade(c, best); err != nil {
		n.fail(err)
	}
}

// dispatched tells what the upgrade's transaction came to in a block that has it.
func (n *Network) dispatched(c *chain, b *builtBlock) {
	if c.upgrade == nil || c.upgrade.tx.IsZero() {
		return
	}
	at := slices.IndexFunc(b.Pushed, func(xt []byte) bool { return txpool.HashOf(xt) == c.upgrade.tx })
	if at < 0 {
		return
	}
	parent, ok := c.nodes[0].Get(b.parent)
	if !ok {
		return
	}
	outcome := UpgradeDispatched{ParaBlock: ParaBlock{c.id, b.Block.Header.Number, b.Hash}, Bytes: len(b.Pushed[at])}
	code, err := c.Host.CodeAt(n.ctx, parent.State, parachain.OnChain)
	if err == nil {
		outcome.Error, err = code.Refusal(n.ctx, b.State, uint32(b.Inherents+at))
	}
	if err != nil {
		n.fail(fmt.Errorf("read the events of block #%d: %w", b.Block.Header.Number, err))
		return
	}
	n.tell(outcome)
}

// precheckTime is how long a validator takes to prepare new code and to vote.
const precheckTime = 3 * time.Second

// precheck lets the validators of a session prepare new code and vote on it, each code
// once per session. (polkadot-node-core-pvf-checker)
func (n *Network) precheck(b *relayBlock) {
	session := b.state.SessionIndexForChild()
	for _, hash := range b.state.PvfsRequirePrecheck() {
		if n.prechecked[hash] == session+1 {
			continue
		}
		n.prechecked[hash] = session + 1 // so that zero stands for never
		code, config := b.state.ValidationCodeByHash(hash), b.state.Config()
		n.world.Begin(world.Job{
			What:    fmt.Sprintf("pre-check code %s", hash.Short()),
			MinCost: precheckTime,
			Run: func(ctx context.Context) any {
				_, err := n.cfg.PVF.Prepare(ctx, code, hash, config.MaxCodeSize*10, b.state.ExecutorParams(session))
				return err
			},
			Done: func(result any) {
				err, _ := result.(error)
				n.voteOn(hash, session, err)
			},
		})
	}
}

// voteOn gives the next relay block the votes of all validators that can be heard.
func (n *Network) voteOn(code hashing.Hash, session primitives.SessionIndex, fault error) {
	event := Prechecked{Code: code, Accept: fault == nil && !n.cfg.RejectPrecheck}
	switch {
	case fault != nil:
		event.Why = fault.Error()
	case n.cfg.RejectPrecheck:
		event.Why = "validators were told to reject"
	}
	n.tell(event)
	for i := range n.sessions[session] {
		v := n.validatorAt(session, primitives.ValidatorIndex(i))
		if v == nil || n.offline(v.index) {
			continue
		}
		vote := relay.PrecheckVote{Code: code, Accept: event.Accept, Session: session, Validator: primitives.ValidatorIndex(i)}
		vote.Signature = v.signer.Sign(vote.Payload())
		n.Govern(vote)
	}
}
