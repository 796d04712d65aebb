package parachain

import (
	"errors"
	"fmt"
	"slices"

	"pileus/hashing"
	"pileus/metadata"
	"pileus/primitives"
	"pileus/scale"
	"pileus/trie"
)

// transferPeriod is the number of blocks for which a transfer is valid; wallets take 64.
const transferPeriod = 64

// ErrNoTransfers says that nothing can be transferred on a chain: it has no balances, or no account with funds.
var ErrNoTransfers = errors.New("the chain has no funded development account")

// Transfers makes signed balance transfers between development accounts: each account in
// turn sends to the next one. The nonces it counts itself, from those that it is told.
type Transfers struct {
	meta     *metadata.Metadata
	call     string
	amount   scale.U128
	genesis  primitives.Hash
	accounts []Account
	nonces   []uint64
	next     int // account that sends the next one
	general  bool
	pipeline uint8
}

// TransferContext is the moment at which a transfer is made.
type TransferContext struct {
	Number uint32          // of the best block
	Hash   primitives.Hash // of the best block
}

// NewTransfers returns the source of transfers for a chain, by the metadata of its
// present runtime. Nonces begin where the accounts stand; after a code upgrade a new source
// takes over those of the old one ([Transfers.Nonces]).
//
// The extrinsics are signed ones of version 4 where the runtime takes those, else general
// ones of version 5 whose pipeline verifies a signature.
func NewTransfers(m *metadata.Metadata, genesis primitives.Hash, accounts []Account, nonces []uint64) (*Transfers, error) {
	if len(accounts) == 0 {
		return nil, ErrNoTransfers
	}
	t := &Transfers{meta: m, genesis: genesis, accounts: accounts, nonces: make([]uint64, len(accounts))}
	for i, a := range accounts {
		t.nonces[i] = a.Nonce
	}
	copy(t.nonces, nonces)
	deposit, err := m.Constant("Balances", "ExistentialDeposit")
	if err != nil {
		return nil, fmt.Errorf("transfers: %w", err)
	}
	t.amount = max128(deposit.Int, scale.U128{Lo: 1})
	for _, name := range []string{"transfer_keep_alive", "transfer_allow_death", "transfer"} {
		if _, err = m.EncodeCall("Balances", name, accounts[0].ID, t.amount); err == nil {
			t.call = name
			break
		}
	}
	if t.call == "" {
		return nil, fmt.Errorf("transfers: %w", err)
	}
	t.general = len(m.Extrinsic.Versions) > 0 && !slices.Contains(m.Extrinsic.Versions, 4)
	if t.general && len(m.Extrinsic.Pipelines) > 0 {
		t.pipeline = m.Extrinsic.Pipelines[0].Version
	}
	return t, nil
}

// Nonces are the nonces that the accounts' next transfers will have.
func (t *Transfers) Nonces() []uint64 { return slices.Clone(t.nonces) }

// Reset sets the nonce of an account's next transfer, for example after its transactions were dropped.
func (t *Transfers) Reset(account int, nonce uint64) { t.nonces[account] = nonce }

// Next is the next transfer, without its length prefix.
func (t *Transfers) Next(at TransferContext) ([]byte, error) {
	i := t.next
	to := t.accounts[(i+1)%len(t.accounts)].ID
	xt, err := t.Make(i, to, t.amount, t.nonces[i], at)
	if err != nil {
		return nil, err
	}
	t.nonces[i]++
	t.next = (i + 1) % len(t.accounts)
	return xt, nil
}

// Make builds one transfer from a development account. Its era begins at the block at.
func (t *Transfers) Make(from int, to []byte, amount scale.U128, nonce uint64, at TransferContext) ([]byte, error) {
	call, err := t.meta.EncodeCall("Balances", t.call, to, amount)
	if err != nil {
		return nil, fmt.Errorf("transfer: %w", err)
	}
	p := metadata.TxParams{Nonce: nonce, Genesis: t.genesis, Asset: metadata.None()}
	// An era names the block at which it begins by its number alone, so it has to be the
	// best block itself: only of that one the hash is at hand.
	if era := metadata.MortalEra(transferPeriod, uint64(at.Number)); at.Number > 0 && era.Birth(uint64(at.Number)) == uint64(at.Number) {
		p.Era, p.Birth = era, at.Hash
	}
	xt, err := t.sign(t.meta, from, call, p)
	if err != nil {
		return nil, fmt.Errorf("transfer: %w", err)
	}
	return xt, nil
}

// sign makes an extrinsic of the form that the runtime takes.
func (t *Transfers) sign(meta *metadata.Metadata, account int, call []byte, p metadata.TxParams) ([]byte, error) {
	signer := t.accounts[account].signer
	if t.general {
		return meta.GeneralExtrinsic(&signer, call, t.pipeline, p)
	}
	return meta.SignedExtrinsic(signer, call, p)
}

// Sudo builds a call of a pallet in the name of the sudo key, which is that of the given
// account: sudo(call).
func (t *Transfers) Sudo(meta *metadata.Metadata, account int, pallet, name string, args ...any) ([]byte, error) {
	inner, err := meta.EncodeCall(pallet, name, args...)
	if err != nil {
		return nil, err
	}
	call, err := meta.EncodeCall("Sudo", "sudo", metadata.Raw(inner))
	if err != nil {
		return nil, err
	}
	return t.signNext(meta, account, call)
}

// Call signs a call of a development account with its next nonce.
func (t *Transfers) Call(account int, call []byte) ([]byte, error) {
	return t.signNext(t.meta, account, call)
}

// signNext signs a call with the account's next nonce.
func (t *Transfers) signNext(meta *metadata.Metadata, account int, call []byte) ([]byte, error) {
	xt, err := t.sign(meta, account, call, metadata.TxParams{Nonce: t.nonces[account], Genesis: t.genesis, Asset: metadata.None()})
	if err == nil {
		t.nonces[account]++
	}
	return xt, err
}

var keySudo = hashing.StorageKey("Sudo", "Key")

// SudoKey is the account that may act as root; ok is false where there is none.
func SudoKey(s *trie.State) (account []byte, ok bool) {
	v, ok, err := s.Top().Get(keySudo, nil)
	return v, ok && err == nil
}
