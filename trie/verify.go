package trie

import (
	"pileus/hashing"
	"pileus/scale"
)

// VerifyProof tells whether proof shows that key has that value under root. The proof is
// in the format of trie-db's proof module: the nodes on the key's path from the root
// down, in which the value and the followed references are cut to length zero. Nothing
// may be left over. The layout of v decides from which length the value is hashed when
// it is put back. (host function ext_trie_blake2_256_verify_proof)
func VerifyProof(v Version, root hashing.Hash, proof [][]byte, key, value []byte) bool {
	return verifyProof(v, root, proof, key, value, hashing.Blake2b256)
}

// VerifyProofKeccak is [VerifyProof] with keccak-256 (host function
// ext_trie_keccak_256_verify_proof).
func VerifyProofKeccak(v Version, root hashing.Hash, proof [][]byte, key, value []byte) bool {
	return verifyProof(v, root, proof, key, value, keccak)
}

func verifyProof(v Version, root hashing.Hash, proof [][]byte, key, value []byte, hash hashFunc) bool {
	if len(proof) == 0 {
		return false
	}
	type step struct {
		p      plan
		inline bool
		child  int
	}
	var path []step
	rest := appendNibbles(nil, key)
	data, inline := proof[0], false
	proof = proof[1:]
	for {
		path = append(path, step{inline: inline})
		s := &path[len(path)-1]
		if s.p.parse(data) != nil {
			return false
		}
		partial := s.p.partial()
		if !hasPrefix(rest, partial) {
			return false
		}
		if rest = rest[len(partial):]; len(rest) == 0 {
			break
		}
		s.child, rest = int(rest[0]), rest[1:]
		if s.p.bitmap>>s.child&1 == 0 {
			return false
		}
		switch ref := s.p.kids[s.child]; len(ref) {
		case 0:
			if len(proof) == 0 {
				return false
			}
			data, inline, proof = proof[0], false, proof[1:]
		case 32:
			return false // must have been cut
		default:
			data, inline = ref, true
		}
	}
	if len(proof) > 0 {
		return false
	}

	// Put the value back and hash upwards.
	last := &path[len(path)-1].p
	switch {
	case last.branch && last.vkind != noValue, last.vkind == hashedValueKind, len(last.value) > 0:
		return false // must have been cut
	case v == V0 || len(value) < hashedFrom:
		last.vkind, last.value = inlineValue, value
	default:
		h := hash(value)
		last.vkind, last.value = hashedValueKind, h[:]
	}
	for i := len(path) - 1; ; i-- {
		p := &path[i].p
		for _, ref := range p.kids {
			if len(ref) > 32 {
				return false
			}
		}
		b := p.appendTo(make([]byte, 0, 64+len(p.value)+scale.CompactLen(uint64(len(p.value)))))
		if !path[i].inline {
			h := hash(b)
			b = h[:]
		} else if len(b) > 32 {
			return false
		}
		if i == 0 {
			return hashing.Hash(b) == root
		}
		up := &path[i-1]
		up.p.kids[up.child] = b
	}
}
