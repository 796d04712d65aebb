package erasure

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"pileus/hashing"
	"pileus/internal/testdata"
	"pileus/scale"
)

type hash = testdata.Hex

type codingCase struct {
	Name       string         `json:"name"`
	Validators int            `json:"validators"`
	Len        int            `json:"payload_len"`
	Threshold  int            `json:"threshold"`
	Systematic int            `json:"systematic_threshold"`
	ChunkLen   int            `json:"chunk_len"`
	Root       hash           `json:"erasure_root"`
	Last       int            `json:"recovered_len_from_last_threshold_chunks"`
	First      int            `json:"recovered_len_from_systematic"`
	Payload    testdata.Hex   `json:"payload"`
	Chunks     []testdata.Hex `json:"chunks"`
	Hashes     []hash         `json:"chunk_hashes"`
	HashesAt   []indexed      `json:"chunk_hashes_at"`
	All        hash           `json:"blake2_256_of_all_chunk_hashes"`
}

// indexed is a pair [index, bytes].
type indexed struct {
	Index uint32
	Data  testdata.Hex
}

func (x *indexed) UnmarshalJSON(b []byte) error {
	var text string
	if _, err := fmt.Sscanf(strings.ReplaceAll(string(b), " ", ""), "[%d,%q]", &x.Index, &text); err != nil {
		return err
	}
	return x.Data.UnmarshalText([]byte(text))
}

type vectorFile struct {
	Coding    []codingCase `json:"coding"`
	Available []struct {
		Name       string       `json:"name"`
		Validators int          `json:"validators"`
		Len        int          `json:"available_data_len"`
		Root       hash         `json:"erasure_root"`
		Data       testdata.Hex `json:"available_data"`
	} `json:"available_data"`
	Branches []struct {
		Name       string         `json:"name"`
		Validators int            `json:"validators"`
		Index      uint32         `json:"index"`
		Root       hash           `json:"erasure_root"`
		ChunkHash  hash           `json:"chunk_hash"`
		Proof      []testdata.Hex `json:"proof"`
		Chunk      testdata.Hex   `json:"erasure_chunk_scale"`
	} `json:"branches"`
	BranchChecks []struct {
		Name    string         `json:"name"`
		Root    hash           `json:"erasure_root"`
		Index   uint32         `json:"index"`
		Proof   []testdata.Hex `json:"proof"`
		Outcome string         `json:"outcome"`
		Hash    hash           `json:"hash"`
	} `json:"branch_checks"`
	Reconstruct []struct {
		Name       string       `json:"name"`
		Validators int          `json:"validators"`
		Chunks     []indexed    `json:"chunks"`
		Outcome    string       `json:"outcome"`
		Recovered  testdata.Hex `json:"recovered"`
	} `json:"reconstruct"`
	Refused []struct {
		Name    string `json:"name"`
		Outcome string `json:"outcome"`
	} `json:"encode_refused"`
	Thresholds []struct {
		Validators int `json:"validators"`
		Recovery   any `json:"recovery_threshold"`
		Systematic any `json:"systematic_threshold"`
	} `json:"thresholds"`
}

func vectors(t testing.TB) (v vectorFile) {
	testdata.ReadJSON(t, "vectors/erasure.json", &v)
	for _, n := range []int{len(v.Coding), len(v.Available), len(v.Branches), len(v.BranchChecks),
		len(v.Reconstruct), len(v.Refused), len(v.Thresholds)} {
		if n == 0 {
			t.Fatal("a section of the vectors is empty")
		}
	}
	return v
}

// outcomes are the crate's names of our errors.
var outcomes = map[string]error{
	"NotEnoughValidators":   ErrNotEnoughValidators,
	"TooManyValidators":     ErrTooManyValidators,
	"BadPayload":            ErrBadPayload,
	"NotEnoughChunks":       ErrNotEnoughChunks,
	"UnevenLength":          ErrUnevenLength,
	"NonUniformChunks":      ErrNonUniformChunks,
	"UnknownReconstruction": ErrEmptyChunks,
	"InvalidBranchProof":    ErrInvalidBranch,
	"BranchOutOfBounds":     ErrBranchOutOfBounds,
	"ok":                    nil,
}

func checkError(t *testing.T, name string, err error, outcome string) {
	t.Helper()
	want, ok := outcomes[outcome]
	switch {
	case strings.HasPrefix(outcome, "ChunkIndexOutOfBounds"):
		want = ErrChunkIndex
	case strings.HasPrefix(outcome, "Merkle max proof depth"):
		want = ErrProofTooDeep
	case !ok:
		t.Fatalf("%s: unknown outcome %s", name, outcome)
	}
	if !errors.Is(err, want) {
		t.Errorf("%s: error %v, want %s", name, err, outcome)
	}
}

// payload follows the rule of the file.
func payload(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*167 + (i>>8)*13 + n)
	}
	return b
}

func TestCodingVectors(t *testing.T) {
	for _, c := range vectors(t).Coding {
		t.Run(c.Name, func(t *testing.T) {
			data := []byte(c.Payload)
			if data == nil {
				data = payload(c.Len)
			}
			chunks, err := Encode(c.Validators, data)
			if err != nil {
				t.Fatal(err)
			}
			if len(chunks) != c.Validators || len(chunks[0]) != c.ChunkLen {
				t.Fatalf("%d chunks of %d bytes, want %d of %d", len(chunks), len(chunks[0]), c.Validators, c.ChunkLen)
			}
			for i, want := range c.Chunks {
				if !bytes.Equal(chunks[i], want) {
					t.Errorf("chunk %d: %x, want %x", i, chunks[i], []byte(want))
				}
			}
			var all []byte
			for i, chunk := range chunks {
				h := hashing.Blake2b256(chunk)
				all = append(all, h[:]...)
				if c.Hashes != nil && !bytes.Equal(h[:], c.Hashes[i]) {
					t.Errorf("chunk %d: hash %s, want %x", i, h, []byte(c.Hashes[i]))
				}
			}
			for _, at := range c.HashesAt {
				if h := hashing.Blake2b256(chunks[at.Index]); !bytes.Equal(h[:], at.Data) {
					t.Errorf("chunk %d: hash %s, want %x", at.Index, h, []byte(at.Data))
				}
			}
			if h := hashing.Blake2b256(all); c.All != nil && !bytes.Equal(h[:], c.All) {
				t.Errorf("hash of all chunk hashes %s", h)
			}
			if c.Chunks == nil && c.Hashes == nil && c.All == nil {
				t.Error("the case has no chunks to compare with")
			}
			if root := Root(chunks); !bytes.Equal(root[:], c.Root) {
				t.Errorf("root %s, want %x", root, []byte(c.Root))
			}
			if root, err := RootOf(c.Validators, data); err != nil || !bytes.Equal(root[:], c.Root) {
				t.Errorf("root of the payload %s %v, want %x", root, err, []byte(c.Root))
			}
			checkRecovery(t, "first chunks", chunks, 0, c.Systematic, data, c.First)
			checkRecovery(t, "last chunks", chunks, c.Validators-c.Threshold, c.Validators, data, c.Last)
		})
	}
}

func checkRecovery(t *testing.T, name string, chunks [][]byte, from, to int, data []byte, length int) {
	t.Helper()
	var some []Chunk
	for i := from; i < to; i++ {
		some = append(some, Chunk{Data: chunks[i], Index: uint32(i)})
	}
	got, err := Reconstruct(len(chunks), some)
	if err != nil || len(got) != length || !bytes.Equal(got[:len(data)], data) {
		t.Errorf("from the %s: wrong data of %d bytes, want %d (%v)", name, len(got), length, err)
		return
	}
	for _, b := range got[len(data):] {
		if b != 0 {
			t.Errorf("from the %s: the padding is not zero", name)
			return
		}
	}
}

func TestAvailableDataVectors(t *testing.T) {
	var data []byte
	for _, c := range vectors(t).Available {
		if c.Data != nil {
			data = c.Data // given once for all numbers of validators
		}
		if len(data) != c.Len {
			t.Fatalf("%s: %d bytes, want %d", c.Name, len(data), c.Len)
		}
		root, err := RootOf(c.Validators, data)
		if err != nil || !bytes.Equal(root[:], c.Root) {
			t.Errorf("%s: root %s %v, want %x", c.Name, root, err, []byte(c.Root))
		}
	}
}

func TestBranchVectors(t *testing.T) {
	v := vectors(t)
	for _, c := range v.Branches {
		root, chunks, err := Split(c.Validators, payload(1000))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(root[:], c.Root) {
			t.Errorf("%s: root %s", c.Name, root)
		}
		chunk := chunks[c.Index]
		if len(chunk.Proof) != len(c.Proof) {
			t.Errorf("%s: %d nodes, want %d", c.Name, len(chunk.Proof), len(c.Proof))
			continue
		}
		for i, want := range c.Proof {
			if !bytes.Equal(chunk.Proof[i], want) {
				t.Errorf("%s: node %d is %x, want %x", c.Name, i, chunk.Proof[i], []byte(want))
			}
		}
		if h, err := VerifyBranch(root, chunk.Proof, c.Index); err != nil || !bytes.Equal(h[:], c.ChunkHash) {
			t.Errorf("%s: proves %s %v", c.Name, h, err)
		}
		if err := chunk.Verify(root); err != nil {
			t.Errorf("%s: %v", c.Name, err)
		}
		if c.Chunk != nil {
			if got := scale.Encode(&chunk); !bytes.Equal(got, c.Chunk) {
				t.Errorf("%s: encodes to %x", c.Name, got)
			}
			var back Chunk
			if err := scale.Decode(c.Chunk, &back); err != nil || back.Verify(root) != nil {
				t.Errorf("%s: decodes to %v %v", c.Name, back, err)
			}
		}
	}
	for _, c := range v.BranchChecks {
		var proof [][]byte
		for _, node := range c.Proof {
			proof = append(proof, node)
		}
		h, err := VerifyBranch(hashing.Hash(c.Root), proof, c.Index)
		checkError(t, c.Name, err, c.Outcome)
		if c.Hash != nil && !bytes.Equal(h[:], c.Hash) {
			t.Errorf("%s: proves %s", c.Name, h)
		}
	}
}

func TestReconstructVectors(t *testing.T) {
	for _, c := range vectors(t).Reconstruct {
		var chunks []Chunk
		for _, x := range c.Chunks {
			chunks = append(chunks, Chunk{Data: x.Data, Index: x.Index})
		}
		got, err := Reconstruct(c.Validators, chunks)
		checkError(t, c.Name, err, c.Outcome)
		if c.Recovered != nil && !bytes.Equal(got, c.Recovered) {
			t.Errorf("%s: recovered %x, want %x", c.Name, got, []byte(c.Recovered))
		}
	}
}

func TestRefusedVectors(t *testing.T) {
	for _, c := range vectors(t).Refused {
		n, data := 10, []byte{1}
		if strings.HasPrefix(c.Name, "empty payload") {
			data = nil
		} else if _, err := fmt.Sscanf(c.Name, "%d validator", &n); err != nil {
			t.Fatal(err)
		}
		_, err := Encode(n, data)
		checkError(t, c.Name, err, c.Outcome)
		_, err = RootOf(n, data)
		checkError(t, c.Name, err, c.Outcome)
	}
}

func TestThresholdVectors(t *testing.T) {
	text := func(n int, err error) string {
		for name, e := range outcomes {
			if err != nil && e == err {
				return name
			}
		}
		return fmt.Sprint(n)
	}
	for _, c := range vectors(t).Thresholds {
		if got := text(Threshold(c.Validators)); got != fmt.Sprint(c.Recovery) {
			t.Errorf("%d validators: threshold %s, want %v", c.Validators, got, c.Recovery)
		}
		if got := text(SystematicThreshold(c.Validators)); got != fmt.Sprint(c.Systematic) {
			t.Errorf("%d validators: systematic threshold %s, want %v", c.Validators, got, c.Systematic)
		}
	}
}

func TestChunkIndexVectors(t *testing.T) {
	var v struct {
		Cases []struct {
			Features   string   `json:"node_features"`
			Validators int      `json:"validators"`
			Core       uint32   `json:"core"`
			Chunks     []uint32 `json:"chunk_of_validator"`
		} `json:"availability_chunk_indices"`
	}
	testdata.ReadJSON(t, "vectors/emulator.json", &v)
	if len(v.Cases) == 0 {
		t.Fatal("no cases")
	}
	for _, c := range v.Cases {
		mapped := len(c.Features) > 2 && c.Features[2] == '1'
		if len(c.Chunks) != c.Validators {
			t.Fatalf("%d chunks for %d validators", len(c.Chunks), c.Validators)
		}
		for i, want := range c.Chunks {
			if got, err := ChunkIndex(c.Validators, mapped, c.Core, uint32(i)); err != nil || got != want {
				t.Errorf("features %q, core %d, validator %d of %d: chunk %d %v, want %d", c.Features, c.Core, i, c.Validators, got, err, want)
			}
		}
	}
}
