package parachain

import (
	"errors"
	"fmt"
	"slices"

	"pileus/crypto"
	"pileus/metadata"
	"pileus/primitives"
)

// Scheme is the kind of keys with which a parachain's authorities sign. Nearly all
// chains have [Sr25519]; asset-hub-polkadot has [Ed25519].
type Scheme uint8

// The schemes that Aura knows.
const (
	Sr25519 Scheme = iota
	Ed25519
)

// String names the scheme.
func (s Scheme) String() string {
	if s == Ed25519 {
		return "ed25519"
	}
	return "sr25519"
}

// verify checks a signature.
func (s Scheme) verify(v *crypto.Verifier, sig [64]byte, msg []byte, public [32]byte) bool {
	if s == Ed25519 {
		return crypto.Ed25519Verify(sig, msg, public)
	}
	return v.Sr25519Verify(sig, msg, public)
}

// AuraKey is an author's key pair.
type AuraKey struct {
	Name   string // of the development account
	Scheme Scheme
	Public [32]byte
	sign   func(msg []byte) [64]byte
}

// DevAuraKeys are the keys of the first n development accounts in the given scheme.
func DevAuraKeys(s Scheme, n int) []AuraKey {
	keys := make([]AuraKey, 0, n)
	for _, dev := range crypto.DevKeys(n) {
		k := AuraKey{Name: dev.Name, Scheme: s, Public: dev.Pair.Public(), sign: dev.Pair.Sign}
		if s == Ed25519 {
			pair, err := crypto.NewEd25519FromURI("//" + dev.Name)
			if err != nil {
				panic("development key " + dev.Name + ": " + err.Error()) // the names are fixed
			}
			k.Public, k.sign = pair.Public(), pair.Sign
		}
		keys = append(keys, k)
	}
	return keys
}

// Seal signs a header that has no seal yet, and appends the seal (sc-consensus-aura seal).
func (k *AuraKey) Seal(h *primitives.Header) {
	hash := h.Hash()
	sig := k.sign(hash[:])
	h.Digest = append(slices.Clip(h.Digest), primitives.DigestItem{Kind: primitives.DigestSeal, Engine: primitives.EngineAura, Data: sig[:]})
}

// SlotAuthor is the authority whose turn a slot is: they author round robin. ok is false without authorities.
func SlotAuthor(slot primitives.Slot, authorities [][32]byte) (key [32]byte, ok bool) {
	if len(authorities) == 0 {
		return key, false
	}
	return authorities[uint64(slot)%uint64(len(authorities))], true
}

// ClaimSlot finds the key whose turn a slot is; ok is false if it is another's.
func ClaimSlot(slot primitives.Slot, authorities [][32]byte, keys []AuraKey) (key *AuraKey, ok bool) {
	author, ok := SlotAuthor(slot, authorities)
	if !ok {
		return nil, false
	}
	for i := range keys {
		if keys[i].Public == author {
			return &keys[i], true
		}
	}
	return nil, false
}

// Errors of a header's claim to be authored by whose turn it was.
var (
	ErrNoSlot    = errors.New("header does not have exactly one aura pre-digest")
	ErrNoSeal    = errors.New("header does not end with exactly one aura seal")
	ErrBadSeal   = errors.New("seal is not by the authority whose slot it is")
	ErrFuture    = errors.New("slot lies in the future")
	ErrNoAuthors = errors.New("the runtime has no authorities")
)

// CheckSeal checks the seal of a header against the authorities in the state of its
// parent, and returns the header without the seal and the slot
// (sc-consensus-aura check_header; cumulus' verifier takes the same steps). The verifier may be nil.
func CheckSeal(h *primitives.Header, s Scheme, authorities [][32]byte, v *crypto.Verifier) (primitives.Header, primitives.Slot, error) {
	slot, err := slotOf(h)
	if err != nil {
		return primitives.Header{}, 0, err
	}
	seals := 0
	for _, item := range h.Digest {
		if item.Kind == primitives.DigestSeal {
			seals++
		}
	}
	bare, seal, ok := h.WithoutSeal()
	if !ok || seals != 1 || seal.Engine != primitives.EngineAura || len(seal.Data) != 64 {
		return primitives.Header{}, 0, ErrNoSeal
	}
	author, ok := SlotAuthor(slot, authorities)
	if !ok {
		return primitives.Header{}, 0, ErrNoAuthors
	}
	hash := bare.Hash()
	if !s.verify(v, [64]byte(seal.Data), hash[:], author) {
		return primitives.Header{}, 0, fmt.Errorf("%w: slot %d of %d authorities", ErrBadSeal, slot, len(authorities))
	}
	return bare, slot, nil
}

// slotOf is the slot that the header's one Aura pre-digest claims.
func slotOf(h *primitives.Header) (primitives.Slot, error) {
	n := 0
	for _, item := range h.Digest {
		if item.Kind == primitives.DigestPreRuntime && item.Engine == primitives.EngineAura {
			n++
		}
	}
	slot, ok := h.Digest.AuraSlot()
	if n != 1 || !ok {
		return 0, ErrNoSlot
	}
	return slot, nil
}

// schemeOf reads from a runtime's metadata which keys its authorities have: the type of
// Aura.Authorities is sp_consensus_aura::sr25519 or ::ed25519::AuthorityId.
func schemeOf(m *metadata.Metadata) (Scheme, error) {
	_, entry, err := m.StorageEntry("Aura", "Authorities")
	if err != nil {
		return 0, err
	}
	t := m.Types.Type(entry.Value)
	if t != nil && len(t.Params) > 0 && t.Params[0].Type != nil {
		t = m.Types.Type(*t.Params[0].Type)
	} else if t != nil && t.Def.Kind == metadata.DefSequence {
		t = m.Types.Type(t.Def.Elem)
	}
	if t == nil {
		return 0, errors.New("metadata does not say what Aura.Authorities are")
	}
	for _, part := range t.Path {
		switch part {
		case "sr25519", "app_sr25519":
			return Sr25519, nil
		case "ed25519", "app_ed25519":
			return Ed25519, nil
		}
	}
	return 0, fmt.Errorf("aura authorities of type %s sign with neither sr25519 nor ed25519", m.Types.Describe(entry.Value))
}
