package crypto

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/crypto/blake2b"

	"pileus/hashing"
	"pileus/internal/testdata"
)

type keyCase struct {
	URI          string            `json:"uri"`
	Public       testdata.Hex      `json:"public"`
	Seed         *testdata.Hex     `json:"seed"`
	SS58         map[string]string `json:"ss58"`
	Error        string            `json:"error"`
	Uncompressed testdata.Hex      `json:"uncompressed"`
	AccountID    testdata.Hex      `json:"account_id_blake2_256"`
	Ethereum     testdata.Hex      `json:"ethereum_address"`
}

type verifyCase struct {
	Name      string       `json:"name"`
	Message   testdata.Hex `json:"message"`
	Public    testdata.Hex `json:"public"`
	Signature testdata.Hex `json:"signature"`
	Verify    bool         `json:"verify"`
	V1        bool         `json:"verify_v1_host"`
	Dalek     bool         `json:"dalek_verify"`
}

type cryptoVectors struct {
	Hashes      []map[string]testdata.Hex `json:"hashes"`
	Sr25519     []keyCase                 `json:"sr25519_keys"`
	Ed25519     []keyCase                 `json:"ed25519_keys"`
	Ecdsa       []keyCase                 `json:"ecdsa_keys"`
	URIs        []keyCase                 `json:"sr25519_uri_edge_cases"`
	SS58Encode  []ss58EncodeCase          `json:"ss58_encode"`
	SS58Decode  []ss58DecodeCase          `json:"ss58_decode"`
	VerifySr    []verifyCase              `json:"sr25519_verify"`
	VerifyEd    []verifyCase              `json:"ed25519_verify"`
	Recover     []recoverCase             `json:"ecdsa_recover"`
	VerifyEcdsa []verifyCase              `json:"ecdsa_verify"`
}

type ss58EncodeCase struct {
	Prefix  uint16          `json:"prefix"`
	Account testdata.Hex    `json:"account"`
	SS58    string          `json:"ss58"`
	Decodes json.RawMessage `json:"decodes_to_prefix"`
}

type ss58DecodeCase struct {
	Name    string          `json:"name"`
	SS58    string          `json:"ss58"`
	Outcome json.RawMessage `json:"outcome"`
}

type recoverCase struct {
	Name         string       `json:"name"`
	Digest       testdata.Hex `json:"digest"`
	Signature    testdata.Hex `json:"signature"`
	V2           string       `json:"v2"`
	V2Compressed string       `json:"v2_compressed"`
	V1           string       `json:"v1"`
	V1Compressed string       `json:"v1_compressed"`
	V2Scale      testdata.Hex `json:"v2_scale_result"`
	VerifyAlice  bool         `json:"verify_prehashed_alice"`
}

func vectors(t testing.TB) (v cryptoVectors) {
	testdata.ReadJSON(t, "vectors/crypto.json", &v)
	for _, n := range []int{len(v.Hashes), len(v.Sr25519), len(v.Ed25519), len(v.Ecdsa), len(v.URIs), len(v.SS58Encode),
		len(v.SS58Decode), len(v.VerifySr), len(v.VerifyEd), len(v.Recover), len(v.VerifyEcdsa)} {
		if n == 0 {
			t.Fatal("a section of the vectors is empty")
		}
	}
	return v
}

func TestHashVectors(t *testing.T) {
	for _, c := range vectors(t).Hashes {
		in := []byte(c["input"])
		got := map[string][]byte{}
		put := func(name string, b []byte) { got[name] = append([]byte(nil), b...) }
		b64, b128, b256, b512 := hashing.Blake2b64(in), hashing.Blake2b128(in), hashing.Blake2b256(in), blake2b.Sum512(in)
		t64, t128, t256 := hashing.Twox64(in), hashing.Twox128(in), hashing.Twox256(in)
		k256, k512, s256 := hashing.Keccak256(in), hashing.Keccak512(in), hashing.Sha2_256(in)
		put("blake2_64", b64[:])
		put("blake2_128", b128[:])
		put("blake2_256", b256[:])
		put("blake2_512", b512[:])
		put("twox_64", t64[:])
		put("twox_128", t128[:])
		put("twox_256", t256[:])
		put("keccak_256", k256[:])
		put("keccak_512", k512[:])
		put("sha2_256", s256[:])
		for name, want := range c {
			if name != "input" && !bytes.Equal(got[name], want) {
				t.Errorf("%s(%x) = %x, want %x", name, in, got[name], want)
			}
		}
	}
}

func TestSr25519KeyVectors(t *testing.T) {
	v := vectors(t)
	for _, c := range append(v.Sr25519, v.URIs...) {
		p, err := NewSr25519FromURI(c.URI)
		if c.Error != "" {
			if err == nil {
				t.Errorf("%q: accepted, want %s", c.URI, c.Error)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", c.URI, err)
			continue
		}
		public := p.Public()
		if !bytes.Equal(public[:], c.Public) {
			t.Errorf("%q: public key %x, want %x", c.URI, public, []byte(c.Public))
		}
		if c.SS58 != nil { // the edge cases do not tell the seed
			seed, ok := p.Seed()
			if ok != (c.Seed != nil) || ok && !bytes.Equal(seed[:], *c.Seed) {
				t.Errorf("%q: seed %x (%v), want %v", c.URI, seed, ok, c.Seed)
			}
		}
		checkSS58(t, c, public)
		msg := []byte("message of " + c.URI)
		if !Sr25519Verify(p.Sign(msg), msg, public) {
			t.Errorf("%q: own signature refused", c.URI)
		}
	}
}

func checkSS58(t *testing.T, c keyCase, account [32]byte) {
	t.Helper()
	for prefix, want := range c.SS58 {
		n, err := strconv.Atoi(prefix)
		if err != nil {
			t.Fatal(err)
		}
		if got := SS58Encode(uint16(n), account); got != want {
			t.Errorf("%q: address with prefix %d is %s, want %s", c.URI, n, got, want)
		}
	}
}

func TestEd25519KeyVectors(t *testing.T) {
	for _, c := range vectors(t).Ed25519 {
		p, err := NewEd25519FromURI(c.URI)
		if c.Error != "" {
			if err != ErrSoftJunction {
				t.Errorf("%q: error %v, want %s", c.URI, err, c.Error)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", c.URI, err)
			continue
		}
		public, seed := p.Public(), p.Seed()
		if !bytes.Equal(public[:], c.Public) || !bytes.Equal(seed[:], *c.Seed) {
			t.Errorf("%q: key %x of seed %x", c.URI, public, seed)
		}
		checkSS58(t, c, public)
	}
}

func TestEcdsaKeyVectors(t *testing.T) {
	for _, c := range vectors(t).Ecdsa {
		p, err := NewEcdsaFromURI(c.URI)
		if c.Error != "" {
			if err != ErrSoftJunction {
				t.Errorf("%q: error %v, want %s", c.URI, err, c.Error)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", c.URI, err)
			continue
		}
		public, seed, account, eth, full := p.Public(), p.Seed(), p.AccountID(), p.EthereumAddress(), p.PublicUncompressed()
		if !bytes.Equal(public[:], c.Public) || !bytes.Equal(seed[:], *c.Seed) || !bytes.Equal(full[:], c.Uncompressed[1:]) {
			t.Errorf("%q: key %x of seed %x", c.URI, public, seed)
		}
		if !bytes.Equal(account[:], c.AccountID) || !bytes.Equal(eth[:], c.Ethereum) {
			t.Errorf("%q: account %x, address %x", c.URI, account, eth)
		}
		checkSS58(t, c, account)
	}
}

func TestSr25519VerifyVectors(t *testing.T) {
	for _, c := range vectors(t).VerifySr {
		sig, public := [64]byte(c.Signature), [32]byte(c.Public)
		if got := Sr25519Verify(sig, c.Message, public); got != c.Verify {
			t.Errorf("%s: verify gives %v", c.Name, got)
		}
		if got := Sr25519VerifyV1(sig, c.Message, public); got != c.V1 {
			t.Errorf("%s: verify of version 1 gives %v", c.Name, got)
		}
	}
}

func TestEd25519VerifyVectors(t *testing.T) {
	for _, c := range vectors(t).VerifyEd {
		sig, public := [64]byte(c.Signature), [32]byte(c.Public)
		if got := Ed25519Verify(sig, c.Message, public); got != c.Verify {
			t.Errorf("%s: verify gives %v", c.Name, got)
		}
		if got := Ed25519VerifyDalek(sig, c.Message, public); got != c.Dalek {
			t.Errorf("%s: dalek's rule gives %v", c.Name, got)
		}
		if strings.HasSuffix(c.Name, "(deterministic)") {
			p, err := NewEd25519FromURI("//Alice")
			if err != nil {
				t.Fatal(err)
			}
			if got := p.Sign(c.Message); got != sig {
				t.Errorf("%s: signature %x, want %x", c.Name, got, sig)
			}
		}
	}
}

func TestEcdsaRecoverVectors(t *testing.T) {
	alice, err := NewEcdsaFromURI("//Alice")
	if err != nil {
		t.Fatal(err)
	}
	names := map[RecoverError]string{BadRS: "BadRS", BadV: "BadV", BadSignature: "BadSignature"}
	text := func(key []byte, err error) string {
		if e, ok := err.(RecoverError); ok {
			return names[e]
		}
		return hexString(key)
	}
	for _, c := range vectors(t).Recover {
		sig, digest := [65]byte(c.Signature), [32]byte(c.Digest)
		v2, err2 := EcdsaRecover(sig, digest)
		v2c, err2c := EcdsaRecoverCompressed(sig, digest)
		v1, err1 := EcdsaRecoverV1(sig, digest)
		v1c, err1c := EcdsaRecoverCompressedV1(sig, digest)
		for _, r := range []struct{ name, got, want string }{
			{"v2", text(v2[:], err2), c.V2},
			{"v2 compressed", text(v2c[:], err2c), c.V2Compressed},
			{"v1", text(v1[:], err1), c.V1},
			{"v1 compressed", text(v1c[:], err1c), c.V1Compressed},
		} {
			if r.got != r.want {
				t.Errorf("%s: %s gives %s, want %s", c.Name, r.name, r.got, r.want)
			}
		}
		scale := append([]byte{0}, v2[:]...)
		if e, ok := err2.(RecoverError); ok {
			scale = []byte{1, byte(e)}
		}
		if !bytes.Equal(scale, c.V2Scale) {
			t.Errorf("%s: result %x, want %x", c.Name, scale, []byte(c.V2Scale))
		}
		if got := EcdsaVerifyPrehashed(sig, digest, alice.Public()); got != c.VerifyAlice {
			t.Errorf("%s: verify against //Alice gives %v", c.Name, got)
		}
	}
}

func TestEcdsaVerifyVectors(t *testing.T) {
	for _, c := range vectors(t).VerifyEcdsa {
		sig, public := [65]byte(c.Signature), [33]byte(c.Public)
		if got := EcdsaVerify(sig, c.Message, public); got != c.Verify {
			t.Errorf("%s: verify gives %v", c.Name, got)
		}
		if got := EcdsaVerifyV1(sig, c.Message, public); got != c.V1 {
			t.Errorf("%s: verify of version 1 gives %v", c.Name, got)
		}
		if c.Name == "good" {
			alice, err := NewEcdsaFromURI("//Alice")
			if err != nil {
				t.Fatal(err)
			}
			if got := alice.Sign(c.Message); got != sig {
				t.Errorf("signature %x, want %x", got, sig)
			}
		}
	}
}

func TestSS58Vectors(t *testing.T) {
	v := vectors(t)
	for _, c := range v.SS58Encode {
		account := [32]byte(c.Account)
		if got := SS58Encode(c.Prefix, account); got != c.SS58 {
			t.Errorf("prefix %d: %s, want %s", c.Prefix, got, c.SS58)
		}
		prefix, back, err := SS58Decode(c.SS58)
		if c.Decodes[0] == '"' {
			checkOutcome(t, c.SS58, err, c.Decodes)
		} else if err != nil || back != account || strconv.Itoa(int(prefix)) != string(c.Decodes) {
			t.Errorf("prefix %d: decodes to %d %x %v, want %s", c.Prefix, prefix, back, err, c.Decodes)
		}
	}
	for _, c := range v.SS58Decode {
		prefix, account, err := SS58Decode(c.SS58)
		if c.Outcome[0] == '"' {
			checkOutcome(t, c.Name, err, c.Outcome)
			continue
		}
		var want struct {
			Account testdata.Hex
			Prefix  uint16
		}
		if err := json.Unmarshal(c.Outcome, &want); err != nil {
			t.Fatal(err)
		}
		if err != nil || prefix != want.Prefix || !bytes.Equal(account[:], want.Account) {
			t.Errorf("%s: %d %x %v", c.Name, prefix, account, err)
		}
	}
}
