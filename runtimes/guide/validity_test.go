package guide

import (
	"bytes"
	"testing"

	"pileus/crypto"
	"pileus/frame/frametest"
	"pileus/metadata"
	"pileus/primitives"
	"pileus/scale"
)

// TestValidityAsRust: the pool gets the same answer about every kind of transaction, and
// a block takes or refuses it in the same way.
func TestValidityAsRust(t *testing.T) {
	chains := both(t, "phase3")
	relay := frametest.Relay{Number: 101, Slot: firstSlot, Included: chains[0].Genesis.EncodeTo(nil)}
	for _, c := range chains {
		r := relay
		x, err := c.Sign("Alice", 0, "System", "remark", []byte{1})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Advance(&r, x); err != nil {
			t.Fatal(err)
		}
	}
	meta := chains[1].Meta
	bob := frametest.Account("Bob")
	encode := func(pallet, call string, args ...any) []byte {
		b, err := meta.EncodeCall(pallet, call, args...)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	transfer := encode("Balances", "transfer_keep_alive", bob[:], uint64(Unit))
	genesis, parent := chains[1].Genesis.Hash(), chains[1].Head.Hash()
	sr := func(name string) metadata.Signer {
		key := crypto.NewDevKey(name).Pair
		public := key.Public()
		return metadata.Signer{Scheme: metadata.Sr25519, Account: public[:], Sign: func(msg []byte) []byte {
			sig := key.Sign(msg)
			return sig[:]
		}}
	}
	ed, err := crypto.NewEd25519FromURI("//Alice")
	if err != nil {
		t.Fatal(err)
	}
	edPublic := ed.Public()
	params := metadata.TxParams{Nonce: 1, Genesis: genesis, Birth: genesis}
	with := func(f func(*metadata.TxParams)) metadata.TxParams {
		p := params
		f(&p)
		return p
	}
	sign := func(s metadata.Signer, call []byte, p metadata.TxParams) []byte {
		x, err := meta.SignedExtrinsic(s, call, p)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	good := sign(sr("Alice"), transfer, params)
	changed := func(at int, to byte) []byte {
		b := append([]byte(nil), good...)
		b[at] = to
		return b
	}
	general := append([]byte{0x45, 0}, 0, 4, 0, 0)
	for name, x := range map[string][]byte{
		"good":                good,
		"tip":                 sign(sr("Alice"), transfer, with(func(p *metadata.TxParams) { p.Tip = scale.U128{Lo: 10} })),
		"stale":               sign(sr("Alice"), transfer, with(func(p *metadata.TxParams) { p.Nonce = 0 })),
		"future":              sign(sr("Alice"), transfer, with(func(p *metadata.TxParams) { p.Nonce = 5 })),
		"mortal":              sign(sr("Alice"), transfer, with(func(p *metadata.TxParams) { p.Era, p.Birth = metadata.Era{Period: 64, Phase: 1}, parent })),
		"mortal from genesis": sign(sr("Alice"), transfer, with(func(p *metadata.TxParams) { p.Era = metadata.Era{Period: 64, Phase: 0} })),
		"born too late":       sign(sr("Alice"), transfer, with(func(p *metadata.TxParams) { p.Era = metadata.Era{Period: 64, Phase: 40} })),
		"another genesis":     sign(sr("Alice"), transfer, with(func(p *metadata.TxParams) { p.Genesis = primitives.Hash{1} })),
		"no money":            sign(sr("Nobody"), transfer, with(func(p *metadata.TxParams) { p.Nonce = 0 })),
		"tip above balance":   sign(sr("Alice"), transfer, with(func(p *metadata.TxParams) { p.Tip = scale.U128{Hi: 1} })),
		"metadata hash": sign(sr("Alice"), transfer, with(func(p *metadata.TxParams) {
			p.Explicit = map[string]any{"CheckMetadataHash": metadata.Raw{1}}
			p.Implicit = map[string]any{"CheckMetadataHash": metadata.Raw(append([]byte{1}, make([]byte, 32)...))}
		})),
		"operational":      sign(sr("Alice"), encode("Sudo", "sudo", metadata.Raw(encode("System", "set_heap_pages", uint64(7)))), params),
		"mandatory":        sign(sr("Alice"), encode("Timestamp", "set", uint64(1)), params),
		"bad signature":    changed(40, 0xff),
		"address by index": append([]byte{0x84, 1}, good[34:]...),
		"ed25519": sign(metadata.Signer{Scheme: metadata.Ed25519, Account: edPublic[:], Sign: func(msg []byte) []byte {
			sig := ed.Sign(msg)
			return sig[:]
		}}, transfer, with(func(p *metadata.TxParams) { p.Nonce = 0 })),
		"bare transfer":      metadata.BareExtrinsic(5, transfer),
		"bare v4":            metadata.BareExtrinsic(4, transfer),
		"bare remark":        metadata.BareExtrinsic(5, encode("System", "remark", []byte{1})),
		"bare upgrade":       metadata.BareExtrinsic(5, encode("System", "apply_authorized_upgrade", []byte{1})),
		"bare timestamp":     metadata.BareExtrinsic(5, encode("Timestamp", "set", uint64(1))),
		"general":            append(general, transfer...),
		"signed v5":          append([]byte{0x85}, good[1:]...),
		"no such pallet":     metadata.BareExtrinsic(5, []byte{99, 0}),
		"no such call":       metadata.BareExtrinsic(5, []byte{10, 99}),
		"something behind":   append(append([]byte(nil), good...), 0),
		"too large a remark": sign(sr("Alice"), encode("System", "remark", make([]byte, 4<<20)), params),
		"too heavy":          sign(sr("Alice"), encode("Sudo", "sudo_unchecked_weight", metadata.Raw(transfer), metadata.Tuple(metadata.Uint(2e12), metadata.Uint(0))), params),
	} {
		var said [2][]byte
		var errs [2]error
		for i, c := range chains {
			args := scale.AppendBytes([]byte{2}, x)
			said[i], errs[i] = c.Query("TaggedTransactionQueue_validate_transaction", append(args, parent[:]...))
		}
		if (errs[0] == nil) != (errs[1] == nil) || !bytes.Equal(said[0], said[1]) {
			t.Errorf("%s: the pool hears %x, %v, in Rust %x, %v", name, said[0], errs[0], said[1], errs[1])
		}
		var blocks [2]*frametest.Block
		for i, c := range chains {
			r := frametest.Relay{Number: 102, Slot: firstSlot + 1, Included: c.Genesis.EncodeTo(nil)}
			var err error
			if blocks[i], err = c.Build(&r, x); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if !bytes.Equal(blocks[0].Results[2], blocks[1].Results[2]) || blocks[0].Header.Hash() != blocks[1].Header.Hash() {
			t.Errorf("%s: a block says %x, in Rust %x", name, blocks[0].Results[2], blocks[1].Results[2])
		}
	}
}
