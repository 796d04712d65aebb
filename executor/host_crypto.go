package executor

import (
	"errors"
	"unicode/utf8"

	"pileus/crypto"
	"pileus/hashing"
	"pileus/scale"
	"pileus/trie"
)

func init() {
	defineHashing()
	defineVerify()
	defineRecover()
	defineKeystore()
	defineTrie()
}

func defineHashing() {
	hash := func(name string, run func(b []byte) []byte) {
		define("hashing_"+name+"_version_1", "S", "P", true, func(e *env, s []uint64) {
			s[0] = uint64(e.place(run(e.bytes(s[0]))))
		})
	}
	hash("blake2_128", func(b []byte) []byte { h := hashing.Blake2b128(b); return h[:] })
	hash("blake2_256", func(b []byte) []byte { h := hashing.Blake2b256(b); return h[:] })
	hash("twox_64", func(b []byte) []byte { h := hashing.Twox64(b); return h[:] })
	hash("twox_128", func(b []byte) []byte { h := hashing.Twox128(b); return h[:] })
	hash("twox_256", func(b []byte) []byte { h := hashing.Twox256(b); return h[:] })
	hash("keccak_256", func(b []byte) []byte { h := hashing.Keccak256(b); return h[:] })
	hash("keccak_512", func(b []byte) []byte { h := hashing.Keccak512(b); return h[:] })
	hash("sha2_256", func(b []byte) []byte { h := hashing.Sha2_256(b); return h[:] })
}

func defineVerify() {
	verify := func(name, params string, run func(e *env, s []uint64) bool) {
		define("crypto_"+name, params, "u", true, func(e *env, s []uint64) {
			ok := run(e, s)
			if e.batch != nil {
				*e.batch = *e.batch && ok
			}
			s[0] = boolean(ok)
		})
	}
	for _, name := range []string{"ed25519_verify_version_1", "ed25519_batch_verify_version_1"} {
		verify(name, "PSP", func(e *env, s []uint64) bool {
			return crypto.Ed25519Verify([64]byte(e.at(s[0], 64)), e.bytes(s[1]), [32]byte(e.at(s[2], 32)))
		})
	}
	for _, name := range []string{"sr25519_verify_version_2", "sr25519_batch_verify_version_1"} {
		verify(name, "PSP", func(e *env, s []uint64) bool {
			return e.module.engine.cfg.Verifier.Sr25519Verify([64]byte(e.at(s[0], 64)), e.bytes(s[1]), [32]byte(e.at(s[2], 32)))
		})
	}
	verify("sr25519_verify_version_1", "PSP", func(e *env, s []uint64) bool {
		return crypto.Sr25519VerifyV1([64]byte(e.at(s[0], 64)), e.bytes(s[1]), [32]byte(e.at(s[2], 32)))
	})
	for _, name := range []string{"ecdsa_verify_version_2", "ecdsa_batch_verify_version_1"} {
		verify(name, "PSP", func(e *env, s []uint64) bool {
			return crypto.EcdsaVerify([65]byte(e.at(s[0], 65)), e.bytes(s[1]), [33]byte(e.at(s[2], 33)))
		})
	}
	verify("ecdsa_verify_version_1", "PSP", func(e *env, s []uint64) bool {
		return crypto.EcdsaVerifyV1([65]byte(e.at(s[0], 65)), e.bytes(s[1]), [33]byte(e.at(s[2], 33)))
	})
	verify("ecdsa_verify_prehashed_version_1", "PPP", func(e *env, s []uint64) bool {
		return crypto.EcdsaVerifyPrehashed([65]byte(e.at(s[0], 65)), [32]byte(e.at(s[1], 32)), [33]byte(e.at(s[2], 33)))
	})
	// Batches verify at once; only the sum of the results waits.
	define("crypto_start_batch_verify_version_1", "", "", true, func(e *env, _ []uint64) {
		if e.batch != nil {
			fail(errors.New("a batch of signatures is already open"))
		}
		ok := true
		e.batch = &ok
	})
	define("crypto_finish_batch_verify_version_1", "", "u", true, func(e *env, s []uint64) {
		if e.batch == nil {
			fail(errors.New("no batch of signatures is open"))
		}
		s[0] = boolean(*e.batch)
		e.batch = nil
	})
}

func defineRecover() {
	recover := func(name string, run func(sig [65]byte, digest [32]byte) ([]byte, error)) {
		define("crypto_secp256k1_ecdsa_"+name, "PP", "S", true, func(e *env, s []uint64) {
			key, err := run([65]byte(e.at(s[0], 65)), [32]byte(e.at(s[1], 32)))
			var why crypto.RecoverError
			switch {
			case err == nil:
				s[0] = e.fat(append([]byte{0}, key...))
			case errors.As(err, &why):
				s[0] = e.fat([]byte{1, byte(why)})
			default:
				s[0] = e.fat([]byte{1, 2})
			}
		})
	}
	recover("recover_version_1", func(sig [65]byte, d [32]byte) ([]byte, error) {
		k, err := crypto.EcdsaRecoverV1(sig, d)
		return k[:], err
	})
	recover("recover_version_2", func(sig [65]byte, d [32]byte) ([]byte, error) {
		k, err := crypto.EcdsaRecover(sig, d)
		return k[:], err
	})
	recover("recover_compressed_version_1", func(sig [65]byte, d [32]byte) ([]byte, error) {
		k, err := crypto.EcdsaRecoverCompressedV1(sig, d)
		return k[:], err
	})
	recover("recover_compressed_version_2", func(sig [65]byte, d [32]byte) ([]byte, error) {
		k, err := crypto.EcdsaRecoverCompressed(sig, d)
		return k[:], err
	})
}

func (e *env) keys() Keystore {
	if e.opts.Keystore == nil {
		fail(errors.New("no keystore here"))
	}
	return e.opts.Keystore
}

func defineKeystore() {
	define("crypto_sr25519_public_keys_version_1", "P", "S", true, func(e *env, s []uint64) {
		keys := e.keys().Sr25519Keys([4]byte(e.at(s[0], 4)))
		s[0] = e.fat(scale.AppendVecFunc(nil, keys, func(b []byte, k [32]byte) []byte { return append(b, k[:]...) }))
	})
	define("crypto_sr25519_generate_version_1", "PS", "P", true, func(e *env, s []uint64) {
		uri := decode(e.bytes(s[1]), func(d *scale.Decoder) *string {
			return scale.DecodeOption(d, func(d *scale.Decoder) string { return d.String(1 << 10) })
		})
		if uri != nil && !utf8.ValidString(*uri) {
			fail(errors.New("the seed is not UTF-8"))
		}
		key := must(e.keys().Sr25519Generate([4]byte(e.at(s[0], 4)), uri))
		s[0] = uint64(e.place(key[:]))
	})
	define("crypto_sr25519_sign_version_1", "PPS", "S", true, func(e *env, s []uint64) {
		sig, ok := e.keys().Sr25519Sign([4]byte(e.at(s[0], 4)), [32]byte(e.at(s[1], 32)), e.bytes(s[2]))
		if !ok {
			s[0] = e.fat([]byte{0})
			return
		}
		s[0] = e.fat(append([]byte{1}, sig[:]...))
	})
	// Keys of other kinds are not kept: without a keystore for them these trap, as on a node.
	for name, params := range map[string][2]string{
		"ed25519_generate_version_1": {"PS", "P"}, "ed25519_sign_version_1": {"PPS", "S"}, "ed25519_public_keys_version_1": {"P", "S"},
		"ecdsa_generate_version_1": {"PS", "P"}, "ecdsa_sign_version_1": {"PPS", "S"}, "ecdsa_public_keys_version_1": {"P", "S"},
		"ecdsa_sign_prehashed_version_1": {"PPP", "S"},
	} {
		define("crypto_"+name, params[0], params[1], true, func(*env, []uint64) { fail(errors.New("no keystore for this kind of key: " + name)) })
	}
}

func defineTrie() {
	type rootOf func(v trie.Version, list []byte) hashing.Hash
	items := func(list []byte) [][]byte {
		return decode(list, func(d *scale.Decoder) [][]byte { return d.BytesVec(1<<24, 1<<30) })
	}
	pairs := func(list []byte) []trie.Pair {
		return decode(list, func(d *scale.Decoder) []trie.Pair {
			return scale.DecodeVecFunc(d, 1<<24, func(d *scale.Decoder) trie.Pair { return trie.Pair{Key: d.Bytes(1 << 30), Value: d.Bytes(1 << 30)} })
		})
	}
	for name, run := range map[string]rootOf{
		"blake2_256_ordered_root": func(v trie.Version, l []byte) hashing.Hash { return trie.OrderedRoot(v, items(l)) },
		"keccak_256_ordered_root": func(v trie.Version, l []byte) hashing.Hash { return trie.OrderedRootKeccak(v, items(l)) },
		"blake2_256_root":         func(v trie.Version, l []byte) hashing.Hash { return trie.RootOf(v, pairs(l)) },
		"keccak_256_root":         func(v trie.Version, l []byte) hashing.Hash { return trie.RootOfKeccak(v, pairs(l)) },
	} {
		define("trie_"+name+"_version_1", "S", "P", true, func(e *env, s []uint64) {
			h := run(trie.V0, e.bytes(s[0]))
			s[0] = uint64(e.place(h[:]))
		})
		define("trie_"+name+"_version_2", "Su", "P", true, func(e *env, s []uint64) {
			h := run(stateVersion(s[1]), e.bytes(s[0]))
			s[0] = uint64(e.place(h[:]))
		})
	}
	type verify func(v trie.Version, root hashing.Hash, proof [][]byte, key, value []byte) bool
	for name, run := range map[string]verify{"blake2_256": trie.VerifyProof, "keccak_256": trie.VerifyProofKeccak} {
		define("trie_"+name+"_verify_proof_version_1", "PSSS", "u", true, func(e *env, s []uint64) {
			s[0] = boolean(run(trie.V0, hashing.Hash(e.at(s[0], 32)), items(e.bytes(s[1])), e.bytes(s[2]), e.bytes(s[3])))
		})
		define("trie_"+name+"_verify_proof_version_2", "PSSSu", "u", true, func(e *env, s []uint64) {
			s[0] = boolean(run(stateVersion(s[4]), hashing.Hash(e.at(s[0], 32)), items(e.bytes(s[1])), e.bytes(s[2]), e.bytes(s[3])))
		})
	}
}
