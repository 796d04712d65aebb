package parachain

import (
	"bytes"
	"fmt"

	"pileus/hashing"
	"pileus/metadata"
	"pileus/primitives"
	"pileus/runtimeapi"
	"pileus/scale"
	"pileus/trie"
)

// EditLabel stands in the digest of a block that is a change of the state from outside, as
// an item of kind Other: no runtime has executed it.
const EditLabel = "pileus: state edited"

// HeadForced says that the relay chain has made a block the para's head by force. It is
// the best block, whatever its number.
type HeadForced struct{ Built *Built }

func (HeadForced) input() {}

// NewEdit is the block that changes the state of at: no extrinsics, no seal, a label. The
// runtime's own count of blocks goes with it: the next block must follow that.
func NewEdit(at *Entry, changes []trie.Change, version *runtimeapi.Version) (*Built, error) {
	for _, c := range changes {
		if bytes.HasPrefix(c.Key, []byte(trie.ChildPrefix)) {
			return nil, fmt.Errorf("edit the state of #%d: the value at 0x%x is the root of a child trie, which follows from what that holds", at.Number(), c.Key)
		}
	}
	number := trie.Change{Key: hashing.StorageKey("System", "Number"), Value: scale.AppendU32(nil, at.Number()+1)}
	state, err := at.State.Apply(version.StateVersion(), append([]trie.Change{number}, changes...), nil, nil)
	if err != nil {
		return nil, fmt.Errorf("edit the state of #%d: %w", at.Number(), err)
	}
	h := primitives.Header{ParentHash: at.Hash, Number: at.Number() + 1, StateRoot: state.Root(),
		ExtrinsicsRoot: trie.OrderedRoot(version.ExtrinsicsVersion(), nil),
		Digest:         primitives.Digest{{Kind: primitives.DigestOther, Data: []byte(EditLabel)}}}
	return &Built{Block: primitives.Block{Header: h}, Hash: h.Hash(), State: state, Version: version, parent: at.State, recorder: trie.NewRecorder()}, nil
}

// headForced imports a forced head and makes it the best block.
func (n *Node) headForced(b *Built) {
	if !n.tree.Has(b.Block.Header.ParentHash) || n.tree.Has(b.Hash) {
		return
	}
	e := &Entry{Hash: b.Hash, Block: &b.Block, State: b.State, run: &Executed{State: b.State, parent: b.parent, recorder: b.recorder}}
	if err := n.tree.Insert(e.Hash, b.Block.Header.ParentHash, e); err != nil {
		n.tell(Rejected{Hash: e.Hash, Number: e.Number(), Err: err})
		return
	}
	n.tell(Imported{Entry: e})
	n.setBest(e.Hash)
}

// Endow are the changes that give an account a free balance of amount, and count the
// difference into the total issuance.
func Endow(meta *metadata.Metadata, s *trie.State, account []byte, amount scale.U128) ([]trie.Change, error) {
	e := &editor{meta: meta, state: s}
	if size := accountSize(meta); size != len(account) {
		return nil, fmt.Errorf("fund: the account has %d bytes, accounts of this chain have %d", len(account), size)
	}
	if meta.Pallet("Balances") == nil {
		return nil, fmt.Errorf("fund: the chain has no pallet Balances")
	}
	info, _, err := e.get("System", "Account", account)
	if err != nil {
		return nil, err
	}
	free, _ := info.Get("data", "free")
	issuance, _, err := e.get("Balances", "TotalIssuance")
	if err != nil {
		return nil, err
	}
	total, _ := issuance.Int.Sub(free.Int)
	total, _ = total.Add(amount)
	if err := e.endow(account, amount); err != nil {
		return nil, err
	}
	if err := e.put("Balances", "TotalIssuance", metadata.U128(total)); err != nil {
		return nil, err
	}
	return e.changes, nil
}
