package parachain

import (
	"context"
	"fmt"

	"pileus/metadata"
	"pileus/primitives"
	"pileus/scale"
	"pileus/trie"
)

// StorageEdit is a storage value to be changed by hand.
type StorageEdit struct {
	Pallet, Item string
	Value        metadata.Value
}

// Changes are what the edit changes in the state of a block, whose runtime is the given one.
func (e StorageEdit) Changes(ctx context.Context, at *Entry, code *Code) ([]trie.Change, error) {
	meta, err := code.Metadata(ctx)
	if err != nil {
		return nil, err
	}
	editor := &editor{meta: meta, state: at.State}
	err = editor.put(e.Pallet, e.Item, e.Value)
	return editor.changes, err
}

// Refusal is why the call of a block's extrinsic failed, by the events in the state after
// the block; empty if it did not. A call that sudo passes on, and an authorised upgrade
// that is turned down, count as failed although their extrinsics are not.
func (c *Code) Refusal(ctx context.Context, s *trie.State, extrinsic uint32) (string, error) {
	m, err := c.Metadata(ctx)
	if err != nil {
		return "", err
	}
	events, err := c.Events(ctx, s)
	if err != nil {
		return "", err
	}
	for _, e := range events {
		if e.Phase != metadata.PhaseApply || e.Extrinsic != extrinsic {
			continue
		}
		switch e.Pallet + "." + e.Name {
		case "System.ExtrinsicFailed", "System.RejectedInvalidAuthorizedUpgrade", "Sudo.Sudid", "Sudo.SudoAsDone":
			if words, failed := dispatchError(m, e.Fields); failed {
				return words, nil
			}
		}
	}
	return "", nil
}

// dispatchError finds the first DispatchError in the fields of an event.
func dispatchError(m *metadata.Metadata, v metadata.Value) (words string, failed bool) {
	if t := m.Types.Type(v.Type); v.Kind == metadata.KindVariant && t != nil && t.Name() == "DispatchError" {
		return errorWords(m, v), true
	}
	for _, item := range v.Items {
		if words, failed = dispatchError(m, item); failed {
			return words, true
		}
	}
	return "", false
}

// errorWords names an error of a pallet by the pallet and its name.
func errorWords(m *metadata.Metadata, v metadata.Value) string {
	if v.Text != "Module" {
		return v.String()
	}
	index, ok := v.Get("0", "index")
	if !ok {
		index, _ = v.Get("index")
	}
	code, ok := v.Get("0", "error")
	if !ok {
		code, _ = v.Get("error")
	}
	first := uint8(code.Int.Lo)
	if len(code.Bytes) > 0 {
		first = code.Bytes[0]
	}
	if name, ok := m.ErrorName(uint8(index.Int.Lo), first); ok {
		return name
	}
	return fmt.Sprintf("error %d of pallet %d", first, index.Int.Lo)
}

// HrmpPeers are the paras to and from which the parachain has seen open channels, by the
// messaging state that its last block read of the relay chain.
type HrmpPeers struct {
	Ingress, Egress []HrmpChannel
}

// HrmpChannel is one of them, as the parachain stored it (AbridgedHrmpChannel).
type HrmpChannel struct {
	Peer                                      primitives.ParaID
	MaxCapacity, MaxTotalSize, MaxMessageSize uint32
	Head                                      primitives.Hash // zero: no message yet
}

// decodePeers reads MessagingStateSnapshot.
func decodePeers(d *scale.Decoder) (p HrmpPeers) {
	var dmq primitives.Hash
	d.Array(dmq[:])
	d.U32()
	d.U32()
	channels := func() []HrmpChannel {
		return scale.DecodeVecFunc(d, 1<<12, func(d *scale.Decoder) (c HrmpChannel) {
			c.Peer = primitives.ParaID(d.U32())
			c.MaxCapacity, c.MaxTotalSize, c.MaxMessageSize = d.U32(), d.U32(), d.U32()
			d.U32()
			d.U32()
			if d.Bool() {
				d.Array(c.Head[:])
			}
			return c
		})
	}
	p.Ingress = channels()
	p.Egress = channels()
	return p
}

// Nonce is the number of the account's next transaction by the state.
func (t *Transfers) Nonce(s *trie.State, account int) (uint64, error) {
	e := &editor{meta: t.meta, state: s}
	info, _, err := e.get("System", "Account", t.accounts[account].ID)
	if err != nil {
		return 0, err
	}
	nonce, _ := info.Get("nonce")
	return nonce.Int.Lo, nil
}

// Resign makes the transfer of that account and nonce anew, for the runtime that t is made for.
func (t *Transfers) Resign(account int, nonce uint64, at TransferContext) ([]byte, error) {
	return t.Make(account, t.accounts[(account+1)%len(t.accounts)].ID, t.amount, nonce, at)
}

// Upcoming is the account that sends the next transfer, and its nonce.
func (t *Transfers) Upcoming() (account int, nonce uint64) { return t.next, t.nonces[t.next] }
