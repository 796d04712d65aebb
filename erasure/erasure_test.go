package erasure

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"pileus/hashing"
	"pileus/scale"
)

// slowMul multiplies two symbols by the definition: change of basis, polynomial
// product, reduction, and back.
func slowMul(a, b uint16) uint16 {
	var product uint32
	x, y := uint32(toStandard(a)), uint32(toStandard(b))
	for i := range 16 {
		if y>>i&1 == 1 {
			product ^= x << i
		}
	}
	for i := 31; i >= 16; i-- {
		if product>>i&1 == 1 {
			product ^= polynomial << (i - 16)
		}
	}
	return fromStandard(uint16(product))
}

func toStandard(symbol uint16) (v uint16) {
	for i, b := range cantor {
		if symbol>>i&1 == 1 {
			v ^= b
		}
	}
	return v
}

// fromStandard solves for the symbol bit by bit, by Gaussian elimination.
func fromStandard(v uint16) (symbol uint16) {
	basis := cantor
	var parts [16]uint16 // the symbol of each basis vector
	for i := range parts {
		parts[i] = 1 << i
	}
	for bit := range 16 {
		pivot := bit
		for basis[pivot]>>bit&1 == 0 {
			pivot++
		}
		basis[bit], basis[pivot] = basis[pivot], basis[bit]
		parts[bit], parts[pivot] = parts[pivot], parts[bit]
		for i := range basis {
			if i != bit && basis[i]>>bit&1 == 1 {
				basis[i] ^= basis[bit]
				parts[i] ^= parts[bit]
			}
		}
	}
	for bit := range 16 {
		if v>>bit&1 == 1 {
			symbol ^= parts[bit]
		}
	}
	return symbol
}

func TestField(t *testing.T) {
	f := theField()
	if f.exp[0] != 1 || f.log[1] != 0 {
		t.Error("one is not the power 0")
	}
	seen := make([]bool, fieldSize)
	for _, v := range f.exp[:fieldOrder] {
		if v == 0 || seen[v] {
			t.Fatalf("x does not generate the group: %04x comes twice or is zero", v)
		}
		seen[v] = true
	}
	for i := 1; i < 16; i++ {
		if s := uint16(1) << i; slowMul(s, s)^s != s>>1 {
			t.Errorf("the basis is not Cantor's at %d", i)
		}
	}
	for _, c := range []struct{ a, b, want uint16 }{
		{0, 0, 0}, {0, 5, 0}, {1, 0xffff, 0xffff}, {2, 2, 3}, {4, 4, 6}, {2, 3, 1},
	} {
		if got := f.mul(c.a, c.b); got != c.want {
			t.Errorf("%04x·%04x = %04x, want %04x", c.a, c.b, got, c.want)
		}
	}
}

func TestMul(t *testing.T) {
	f := theField()
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.Uint16().Draw(t, "a"), rapid.Uint16().Draw(t, "b")
		want := slowMul(a, b)
		if got := f.mul(a, b); got != want {
			t.Fatalf("%04x·%04x = %04x, want %04x", a, b, got, want)
		}
		var word [8]byte
		for i := range 4 {
			binary.BigEndian.PutUint16(word[2*i:], a+uint16(i))
		}
		p := f.table(b).product(binary.LittleEndian.Uint64(word[:]))
		for i := range 4 {
			if got := uint16(p >> (16 * i)); got>>8|got<<8 != slowMul(a+uint16(i), b) {
				t.Fatalf("the table of %04x gives %04x for %04x", b, got, a+uint16(i))
			}
		}
	})
}

// TestRowLengths takes rows around the length from which tables are used, and with
// every remainder of the word size.
func TestRowLengths(t *testing.T) {
	f := theField()
	for _, n := range []int{0, 2, 4, 6, 8, 10, tableFrom - 2, tableFrom, tableFrom + 2, tableFrom + 4, tableFrom + 6, tableFrom + 8} {
		for _, c := range []uint16{0, 1, 2, 0xabcd} {
			src, dst := payload(n), payload(2 * n)[n:]
			want, scaled := bytes.Clone(dst), bytes.Clone(src)
			for i := 0; i < n; i += 2 {
				p := f.mul(binary.BigEndian.Uint16(src[i:]), c)
				binary.BigEndian.PutUint16(scaled[i:], p)
				binary.BigEndian.PutUint16(want[i:], binary.BigEndian.Uint16(want[i:])^p)
			}
			m := newMultiplier()
			m.addProduct(dst, src, c)
			m.scale(src, c)
			if !bytes.Equal(dst, want) || !bytes.Equal(src, scaled) {
				t.Errorf("%d bytes times %04x is wrong", n, c)
			}
		}
	}
}

// lagrange is the code by its definition: the value at symbol v of the polynomial
// through the k data symbols.
func lagrange(data []uint16, v int) (sum uint16) {
	f := theField()
	inverse := func(a uint16) uint16 { return f.exp[fieldOrder-int(f.log[a])] }
	for i, d := range data {
		term := d
		for j := range data {
			if j != i {
				term = f.mul(term, f.mul(uint16(v^j), inverse(uint16(i^j))))
			}
		}
		sum ^= term
	}
	return sum
}

func TestEncodeIsLagrange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 60).Draw(t, "validators")
		data := rapid.SliceOfN(rapid.Byte(), 1, 200).Draw(t, "payload")
		chunks, err := Encode(n, data)
		if err != nil {
			t.Fatal(err)
		}
		k, _ := SystematicThreshold(n)
		padded := append(bytes.Clone(data), make([]byte, 2*k)...)
		for col := 0; col < len(chunks[0]); col += 2 {
			run := make([]uint16, k)
			for i := range run {
				run[i] = binary.BigEndian.Uint16(padded[col*k+2*i:])
			}
			for v, c := range chunks {
				if got, want := binary.BigEndian.Uint16(c[col:]), lagrange(run, v); got != want {
					t.Fatalf("run %d, chunk %d: %04x, want %04x", col/2, v, got, want)
				}
			}
		}
	})
}

// TestRecoverAnyChunks recovers from a random choice of chunks; the sizes reach over
// several blocks of columns.
func TestRecoverAnyChunks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 130).Draw(t, "validators")
		size := rapid.OneOf(rapid.IntRange(1, 300), rapid.IntRange(1, 300_000)).Draw(t, "size")
		data := payload(size)
		_, chunks, err := Split(n, data)
		if err != nil {
			t.Fatal(err)
		}
		k, _ := SystematicThreshold(n)
		order := rapid.Permutation(chunks).Draw(t, "order")
		count := rapid.IntRange(k, n).Draw(t, "count")
		got, err := Reconstruct(n, order[:count])
		if err != nil || !bytes.Equal(got[:size], data) || len(got)-size >= 2*k {
			t.Fatalf("%d of %d chunks give wrong data of %d bytes: %v", count, n, len(got), err)
		}
		if _, err := Reconstruct(n, order[:k-1]); !errors.Is(err, ErrNotEnoughChunks) {
			t.Fatalf("one chunk less: %v", err)
		}
	})
}

// TestBlocks compares coding in several blocks of columns with coding each run alone.
func TestBlocks(t *testing.T) {
	const n = 20
	data := payload(2_000_001)
	chunks, err := Encode(n, data)
	if err != nil {
		t.Fatal(err)
	}
	k, _ := SystematicThreshold(n)
	if block := blockSize(2*k, len(chunks[0])); len(chunks[0]) < 3*block {
		t.Fatalf("chunks of %d bytes are less than three blocks of %d", len(chunks[0]), block)
	}
	for at := 0; at < len(data); at += 2 * k * 997 {
		run, err := Encode(n, data[at:min(at+2*k, len(data))])
		if err != nil {
			t.Fatal(err)
		}
		for i := range chunks {
			if col := at / k; !bytes.Equal(chunks[i][col:col+2], run[i]) {
				t.Fatalf("chunk %d differs in column %d", i, col)
			}
		}
	}
}

func TestRootOfKeepsThePayload(t *testing.T) {
	buf := []byte{1, 2, 3, 4}
	if _, err := RootOf(2, buf[:3]); err != nil || buf[3] != 4 {
		t.Errorf("the memory behind the payload is %v, %v", buf, err)
	}
}

func TestForgedChunk(t *testing.T) {
	root, chunks, err := Split(10, payload(1000))
	if err != nil {
		t.Fatal(err)
	}
	data := bytes.Clone(chunks[3].Data)
	data[0] ^= 1
	forged := Chunk{Data: data, Index: 3, Proof: chunks[3].Proof}
	if err := forged.Verify(root); !errors.Is(err, ErrInvalidBranch) {
		t.Errorf("other data: %v", err)
	}
	forged = Chunk{Data: chunks[3].Data, Index: 3, Proof: chunks[4].Proof}
	if err := forged.Verify(root); !errors.Is(err, ErrInvalidBranch) {
		t.Errorf("another chunk's proof: %v", err)
	}
	// A trie that holds other leaves than hashes.
	tree := treeOf(3, func(int) hashing.Hash { return hashing.Hash{} })
	if _, err := tree.Branch(3); !errors.Is(err, ErrBranchOutOfBounds) {
		t.Errorf("proof of no chunk: %v", err)
	}
}

// TestProofShape refuses, in the decoder and the check alike, what the bounded types of
// the crate cannot hold. The surplus node would be harmless otherwise.
func TestProofShape(t *testing.T) {
	root, chunks, err := Split(10, payload(60))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		add  [][]byte
		ok   bool
	}{
		{"as it is", nil, true},
		{"surplus node of the largest size", [][]byte{make([]byte, MaxProofNode)}, true},
		{"surplus node beyond it", [][]byte{make([]byte, MaxProofNode+1)}, false},
		{"empty node", [][]byte{{}}, false},
		{"nine nodes", [][]byte{{1}, {2}, {3}, {4}, {5}, {6}, {7}}, false},
	} {
		chunk := Chunk{Data: chunks[3].Data, Index: 3, Proof: append(chunks[3].Proof[:len(chunks[3].Proof):len(chunks[3].Proof)], c.add...)}
		if err := chunk.Verify(root); (err == nil) != c.ok {
			t.Errorf("%s: verify gives %v", c.name, err)
		}
		var back Chunk
		if err := scale.Decode(scale.Encode(&chunk), &back); (err == nil) != c.ok {
			t.Errorf("%s: decode gives %v", c.name, err)
		}
	}
	var back Chunk
	if err := scale.Decode(scale.Encode(&Chunk{Data: []byte{1, 2}}), &back); !errors.Is(err, ErrInvalidBranch) {
		t.Errorf("no proof: decode gives %v", err)
	}
}

func TestChunkIndexBounds(t *testing.T) {
	if _, err := ChunkIndex(5, false, 0, 5); !errors.Is(err, ErrChunkIndex) {
		t.Errorf("validator 5 of 5: %v", err)
	}
	if _, err := ChunkIndex(1, true, 0, 0); !errors.Is(err, ErrNotEnoughValidators) {
		t.Errorf("one validator: %v", err)
	}
	if got, err := ChunkIndex(1000, true, 0xffffffff, 999); err != nil || got >= 1000 {
		t.Errorf("the last core: %d %v", got, err)
	}
}

func FuzzChunk(f *testing.F) {
	root, chunks, err := Split(10, payload(60))
	if err != nil {
		f.Fatal(err)
	}
	for i := range chunks {
		f.Add(scale.Encode(&chunks[i]))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var c Chunk
		if scale.Decode(b, &c) != nil {
			return
		}
		if !bytes.Equal(scale.Encode(&c), b) {
			t.Fatal("a chunk encodes to other bytes than it was read from")
		}
		if c.Verify(root) == nil && !bytes.Equal(c.Data, chunks[c.Index].Data) {
			t.Fatalf("forged chunk %d", c.Index)
		}
	})
}

func FuzzVerifyBranch(f *testing.F) {
	root, chunks, err := Split(20, payload(60))
	if err != nil {
		f.Fatal(err)
	}
	for i, c := range chunks {
		f.Add(c.Proof[0], c.Proof[1], c.Proof[len(c.Proof)-1], uint32(i))
	}
	f.Fuzz(func(t *testing.T, a, b, c []byte, index uint32) {
		// Under the true root nothing but the true hash is proven; under the root that
		// fits the nodes anything may be, without a panic.
		if h, err := VerifyBranch(root, [][]byte{a, b, c}, index); err == nil && h != hashing.Blake2b256(chunks[index].Data) {
			t.Fatalf("forged hash %s", h)
		}
		VerifyBranch(hashing.Blake2b256(a), [][]byte{a, b, c}, index)
	})
}

func FuzzReconstruct(f *testing.F) {
	f.Add(uint16(10), []byte{1, 0, 0, 4, 0, 0, 6, 0, 0, 9, 0, 0}, uint8(2))
	f.Fuzz(func(t *testing.T, n uint16, b []byte, size uint8) {
		// Index and data of the chunks one after the other, the last perhaps shorter.
		var chunks []Chunk
		for len(b) > 0 && len(chunks) < 64 {
			end := min(1+int(size), len(b))
			chunks = append(chunks, Chunk{Index: uint32(b[0]), Data: b[1:end]})
			b = b[end:]
		}
		n %= 300
		data, err := Reconstruct(int(n), chunks)
		if err != nil {
			return
		}
		if k, _ := SystematicThreshold(int(n)); len(data) != k*len(chunks[0].Data) {
			t.Fatalf("%d bytes", len(data))
		}
	})
}

func BenchmarkRootOf(b *testing.B) {
	for _, c := range []struct{ n, size int }{{2, 100 << 10}, {5, 100 << 10}, {5, 5 << 20}, {20, 5 << 20}, {1000, 100 << 10}, {1000, 5 << 20}} {
		data := payload(c.size)
		b.Run(fmt.Sprintf("n=%d/%dKiB", c.n, c.size>>10), func(b *testing.B) {
			b.SetBytes(int64(c.size))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := RootOf(c.n, data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkEncode(b *testing.B) {
	for _, c := range []struct{ n, size int }{{5, 100 << 10}, {5, 5 << 20}, {1000, 5 << 20}} {
		data := payload(c.size)
		b.Run(fmt.Sprintf("n=%d/%dKiB", c.n, c.size>>10), func(b *testing.B) {
			b.SetBytes(int64(c.size))
			for b.Loop() {
				if _, err := Encode(c.n, data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkReconstruct(b *testing.B) {
	for _, c := range []struct{ n, size int }{{5, 100 << 10}, {5, 5 << 20}, {1000, 5 << 20}} {
		data := payload(c.size)
		chunks, err := Encode(c.n, data)
		if err != nil {
			b.Fatal(err)
		}
		k, _ := SystematicThreshold(c.n)
		var last []Chunk
		for i := c.n - k; i < c.n; i++ {
			last = append(last, Chunk{Data: chunks[i], Index: uint32(i)})
		}
		b.Run(fmt.Sprintf("n=%d/%dKiB", c.n, c.size>>10), func(b *testing.B) {
			b.SetBytes(int64(c.size))
			for b.Loop() {
				if _, err := Reconstruct(c.n, last); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
