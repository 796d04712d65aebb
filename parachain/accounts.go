package parachain

import (
	"fmt"
	"math/bits"
	"strings"

	"pileus/crypto"
	"pileus/hashing"
	"pileus/metadata"
	"pileus/scale"
)

// Account is a development account that can sign transactions.
type Account struct {
	Name string
	ID   []byte // 32 bytes, or 20 where accounts are Ethereum addresses
	Free scale.U128
	// Secret is the seed of the key, of the URI "//" + Name. It is known to everybody.
	Secret [32]byte
	// Nonce is that of the account's first transaction here.
	Nonce uint64

	signer metadata.Signer
}

// devAccounts is how many development accounts are looked at and funded: those that
// sp_keyring knows by name.
const devAccounts = 6

// accountSize is the number of bytes of the runtime's account ids, 0 if it is unknown.
func accountSize(m *metadata.Metadata) int {
	_, entry, err := m.StorageEntry("System", "Account")
	if err != nil {
		return 0
	}
	n, _ := fixedSize(m.Types, entry.Key)
	return n
}

// devAccountsOf are the development accounts in the runtime's kind of account.
func devAccountsOf(m *metadata.Metadata) ([]Account, error) {
	size := accountSize(m)
	var list []Account
	for _, dev := range crypto.DevKeys(devAccounts) {
		a := Account{Name: dev.Name}
		switch size {
		case 32:
			public, pair := dev.Pair.Public(), dev.Pair
			a.ID = public[:]
			a.Secret, _ = pair.Seed()
			a.signer = metadata.Signer{Scheme: metadata.Sr25519, Account: a.ID, Sign: func(msg []byte) []byte {
				sig := pair.Sign(msg)
				return sig[:]
			}}
		case 20:
			pair, err := crypto.NewEcdsaFromURI("//" + dev.Name)
			if err != nil {
				return nil, err
			}
			address := pair.EthereumAddress()
			a.ID, a.Secret = address[:], pair.Seed()
			a.signer = metadata.Signer{Scheme: metadata.Eth, Account: a.ID, Sign: func(msg []byte) []byte {
				sig := pair.SignPrehashed(hashing.Keccak256(msg))
				return sig[:]
			}}
		default:
			return nil, fmt.Errorf("accounts of %d bytes are unknown", size)
		}
		list = append(list, a)
	}
	return list, nil
}

// fund returns the development accounts that can pay for transfers. If there are none
// among them it gives each a million times the existential deposit, and counts that into
// the issuance. Rich ones get a million times as much, whatever they have.
func (e *editor) fund(rich bool) ([]Account, error) {
	if e.meta.Pallet("Balances") == nil || !e.has("System", "Account") {
		return nil, nil
	}
	list, err := devAccountsOf(e.meta)
	if err != nil {
		return nil, err
	}
	deposit, err := e.meta.Constant("Balances", "ExistentialDeposit")
	if err != nil {
		return nil, err
	}
	enough := max128(times(max128(deposit.Int, scale.U128{Lo: 1}), 1_000_000), scale.U128{Lo: 1_000_000_000_000_000})
	least := times(max128(deposit.Int, scale.U128{Lo: 1}), 1000)
	said := "No development account had funds at genesis"
	if rich {
		enough = times(enough, 1_000_000)
		least, said = enough, "Not all development accounts could pay for large transactions at genesis"
	}
	var funded []Account
	for i, a := range list {
		info, _, err := e.get("System", "Account", a.ID)
		if err != nil {
			return nil, err
		}
		nonce, _ := info.Get("nonce")
		a.Nonce = nonce.Int.Lo
		list[i].Nonce = a.Nonce
		free, _ := info.Get("data", "free")
		if a.Free = free.Int; a.Free.Cmp(least) >= 0 {
			funded = append(funded, a)
		}
	}
	if len(funded) > 0 && !rich || len(funded) == len(list) {
		return funded, nil
	}
	issuance, _, err := e.get("Balances", "TotalIssuance")
	if err != nil {
		return nil, err
	}
	total := issuance.Int
	var names []string
	for i := range list {
		before := list[i].Free
		if before.Cmp(enough) >= 0 {
			continue
		}
		if err := e.endow(list[i].ID, enough); err != nil {
			return nil, err
		}
		list[i].Free = enough
		total, _ = total.Sub(before)
		total, _ = total.Add(enough)
		names = append(names, list[i].Name)
	}
	if err := e.put("Balances", "TotalIssuance", metadata.U128(total)); err != nil {
		return nil, err
	}
	e.say("%s; %s are given %s units each, and the total issuance counts them.",
		said, strings.Join(names, ", "), metadata.U128(enough).String())
	return list, nil
}

// endow sets the free balance of an account that holds nothing else.
func (e *editor) endow(id []byte, amount scale.U128) error {
	info, _, err := e.get("System", "Account", id)
	if err != nil {
		return err
	}
	providers, _ := info.Get("providers")
	if providers.Int == (scale.U128{}) {
		info = replace(info, metadata.Uint(1), "providers")
	}
	info = replace(info, metadata.U128(amount), "data", "free")
	// Balances marks accounts of its present kind by the highest bit of flags.
	if flags, ok := info.Get("data", "flags"); ok {
		flags.Int.Hi |= 1 << 63
		info = replace(info, flags, "data", "flags")
	}
	return e.put("System", "Account", info, id)
}

// replace returns v with another value in the place to which the path of names leads.
func replace(v metadata.Value, with metadata.Value, path ...string) metadata.Value {
	if len(path) == 0 {
		return with
	}
	items := append([]metadata.Value(nil), v.Items...)
	for i, name := range v.Names {
		if name == path[0] {
			items[i] = replace(items[i], with, path[1:]...)
		}
	}
	v.Items = items
	return v
}

func max128(a, b scale.U128) scale.U128 {
	if a.Cmp(b) > 0 {
		return a
	}
	return b
}

// times multiplies, and stays at the largest number instead of overflowing.
func times(a scale.U128, n uint64) scale.U128 {
	hi, lo := bits.Mul64(a.Lo, n)
	over, mid := bits.Mul64(a.Hi, n)
	mid, carry := bits.Add64(mid, hi, 0)
	if over != 0 || carry != 0 {
		return scale.U128{Lo: ^uint64(0), Hi: ^uint64(0)}
	}
	return scale.U128{Lo: lo, Hi: mid}
}
