// Package erasure is the relay chain's erasure code: it splits the available data of a
// candidate into one chunk for each validator, of which about a third give it back,
// and commits to the chunks with a trie root, the erasure root of the descriptor.
//
// With n validators the recovery threshold is ⌊(n−1)/3⌋+1, and k is the largest power
// of two not above it. The payload is cut into runs of k big-endian symbols of 16 bits,
// the last filled up with zeros. A run is the values of a polynomial of degree below k
// at the symbols 0…k−1; chunk v holds, run after run, its value at the symbol v. So the
// first k chunks are the payload, interleaved, and any k chunks determine it.
//
// Sources: crates polkadot-erasure-coding 28 and reed-solomon-novelpoly 2.0.
package erasure

import (
	"errors"
	"fmt"
	"math/bits"
)

// MaxValidators is the largest number of validators: the size of the field.
const MaxValidators = fieldSize

// Errors of coding, named as polkadot_erasure_coding::Error names them.
var (
	ErrNotEnoughValidators = errors.New("fewer than 2 validators")
	ErrTooManyValidators   = errors.New("more than 65536 validators")
	ErrBadPayload          = errors.New("empty payload")
	ErrNotEnoughChunks     = errors.New("not enough chunks")
	ErrChunkIndex          = errors.New("chunk index out of bounds")
	ErrUnevenLength        = errors.New("chunk has an odd length")
	ErrNonUniformChunks    = errors.New("chunks differ in length")
	ErrEmptyChunks         = errors.New("chunks are empty")
)

// Threshold is the number of chunks that a validator collects to recover the data:
// ⌊(n−1)/3⌋+1 of n.
func Threshold(n int) (int, error) {
	if n < 2 {
		return 0, ErrNotEnoughValidators
	}
	if n > MaxValidators {
		return 0, ErrTooManyValidators
	}
	return (n-1)/3 + 1, nil
}

// SystematicThreshold is k: the first k chunks hold the data itself, and any k chunks
// determine it.
func SystematicThreshold(n int) (int, error) {
	t, err := Threshold(n)
	if err != nil {
		return 0, err
	}
	return 1 << (bits.Len(uint(t)) - 1), nil
}

// ChunkIndex is the chunk that a validator holds of the candidate on a core. With the
// node feature AvailabilityChunkMapping (bit 2) the chunks are rotated by k per core,
// so that not always the same validators hold the data itself; without it a validator
// holds the chunk of its own index. The validator's index must be below n.
// (polkadot_node_subsystem_util::availability_chunks)
func ChunkIndex(n int, mapped bool, core, validator uint32) (uint32, error) {
	k, err := SystematicThreshold(n)
	if err != nil {
		return 0, fmt.Errorf("chunk of validator %d: %w", validator, err)
	}
	if int64(validator) >= int64(n) {
		return 0, fmt.Errorf("chunk of validator %d of %d: %w", validator, n, ErrChunkIndex)
	}
	if !mapped {
		return validator, nil
	}
	return uint32((uint64(core)*uint64(k) + uint64(validator)) % uint64(n)), nil
}

// Encode makes the n chunks of a payload, each of 2·⌈⌈len/2⌉/k⌉ bytes. The errors wrap
// [ErrNotEnoughValidators], [ErrTooManyValidators] and [ErrBadPayload].
func Encode(n int, payload []byte) ([][]byte, error) {
	k, err := SystematicThreshold(n)
	if err == nil && len(payload) == 0 {
		err = ErrBadPayload
	}
	if err != nil {
		return nil, fmt.Errorf("encode %d bytes for %d validators: %w", len(payload), n, err)
	}
	size := chunkSize(k, len(payload))
	// Each chunk has memory of its own: a validator keeps one and drops the others.
	chunks := make([][]byte, n)
	for i := range chunks {
		chunks[i] = make([]byte, size)
	}
	if k == 1 {
		for _, c := range chunks {
			copy(c, payload)
		}
		return chunks, nil
	}
	encode(chunks, k, payload)
	return chunks, nil
}

func chunkSize(k, payload int) int {
	run := 2 * k
	return 2 * ((payload + run - 1) / run)
}

// encode fills chunks of zeros. It goes through them in blocks of columns, so that the
// working set stays in the cache.
func encode(chunks [][]byte, k int, payload []byte) {
	var (
		m      = newMultiplier()
		n      = len(chunks)
		size   = len(chunks[0])
		block  = blockSize(2*k, size)
		coeffs = newRows(k, block)
		spare  = newRows(k, block)
		rows   = make([][]byte, k)
	)
	for from := 0; from < size; from += block {
		to := min(from+block, size)
		interleave(chunks[:k], from, to, payload)

		for i := range coeffs {
			coeffs[i] = coeffs[i][:to-from]
			copy(coeffs[i], chunks[i][from:to])
		}
		m.backward(coeffs, 0)
		for shift := k; shift < n; shift += k {
			need := min(k, n-shift)
			for i := range rows {
				if i < need {
					rows[i] = chunks[shift+i][from:to]
				} else {
					rows[i] = spare[i][:to-from]
				}
				copy(rows[i], coeffs[i])
			}
			m.forward(rows, shift, need)
		}
	}
}

// interleave copies the columns from…to of the payload into the first k chunks: symbol
// i of a run goes to chunk i.
func interleave(chunks [][]byte, from, to int, payload []byte) {
	k := len(chunks)
	whole := len(payload) / (2 * k) * 2 // columns of which the payload has all symbols
	for i, chunk := range chunks {
		at := from*k + 2*i
		for c := from; c < min(to, whole); c += 2 {
			chunk[c], chunk[c+1] = payload[at], payload[at+1]
			at += 2 * k
		}
		if whole < to && whole >= from && at < len(payload) {
			copy(chunk[whole:whole+2], payload[at:])
		}
	}
}

// deinterleave is the inverse of interleave, for all columns.
func deinterleave(chunks [][]byte, payload []byte) {
	k := len(chunks)
	for i, chunk := range chunks {
		at := 2 * i
		for c := 0; c < len(chunk); c += 2 {
			payload[at], payload[at+1] = chunk[c], chunk[c+1]
			at += 2 * k
		}
	}
}

// blockSize is the number of bytes of each row to work on at once: some 256 KiB in all.
func blockSize(rows, size int) int {
	return min(max((256<<10)/rows&^7, tableFrom), size)
}

func newRows(n, size int) [][]byte {
	flat := make([]byte, n*size)
	rows := make([][]byte, n)
	for i := range rows {
		rows[i] = flat[i*size : (i+1)*size : (i+1)*size]
	}
	return rows
}

// Reconstruct gives the payload back from any k distinct chunks of n validators, with
// up to 2k−1 zeros at the end: the length of the payload is not part of the code. Of
// several chunks with one index the last counts. The proofs are not looked at, see
// [VerifyBranch]; wrong chunks give wrong bytes, not an error, so the result is to be
// coded again and compared with the erasure root.
//
// The errors wrap [ErrNotEnoughValidators], [ErrTooManyValidators], [ErrChunkIndex],
// [ErrUnevenLength], [ErrNonUniformChunks], [ErrNotEnoughChunks] and [ErrEmptyChunks].
func Reconstruct(n int, chunks []Chunk) ([]byte, error) {
	k, err := SystematicThreshold(n)
	if err != nil {
		return nil, fmt.Errorf("reconstruct from %d chunks: %w", len(chunks), err)
	}
	known, err := placeChunks(n, k, chunks)
	if err != nil {
		return nil, fmt.Errorf("reconstruct from %d chunks of %d validators: %w", len(chunks), n, err)
	}
	data := known[:k]
	for _, c := range data {
		if c == nil {
			data = recoverData(known, k)
			break
		}
	}
	payload := make([]byte, k*len(data[0]))
	deinterleave(data, payload)
	return payload, nil
}

// placeChunks puts the chunks at their index, nil where there is none.
func placeChunks(n, k int, chunks []Chunk) ([][]byte, error) {
	known := make([][]byte, n)
	count := 0
	for i, c := range chunks {
		if int64(c.Index) >= int64(n) {
			return nil, fmt.Errorf("%w: %d", ErrChunkIndex, c.Index)
		}
		if len(c.Data)%2 != 0 {
			return nil, fmt.Errorf("%w: %d bytes at index %d", ErrUnevenLength, len(c.Data), c.Index)
		}
		if len(c.Data) != len(chunks[0].Data) {
			return nil, fmt.Errorf("%w: %d bytes at index %d, %d before", ErrNonUniformChunks, len(c.Data), c.Index, len(chunks[0].Data))
		}
		if len(c.Data) == 0 {
			return nil, ErrEmptyChunks
		}
		if known[c.Index] == nil {
			count++
		}
		known[c.Index] = chunks[i].Data
	}
	if count < k {
		return nil, fmt.Errorf("%w: %d, need %d", ErrNotEnoughChunks, count, k)
	}
	return known, nil
}

// recoverData computes the first k chunks.
//
// Let E be the polynomial with zeros at the unknown symbols. The product of E and the
// wanted P is known at every symbol, zero at the unknown ones, and of a degree below
// their total number; so its coefficients can be computed. Its derivative is
// P'·E + P·E', which is P·E' at the zeros of E, where the product itself is zero.
func recoverData(known [][]byte, k int) [][]byte {
	var (
		m     = newMultiplier()
		total = 1 << bits.Len(uint(len(known)-1))
		size  int
	)
	unknown := make([]bool, total)
	for i := range unknown {
		unknown[i] = i >= len(known) || known[i] == nil
		if !unknown[i] {
			size = len(known[i])
		}
	}
	logs := locator(m.f, unknown)

	data := make([][]byte, k)
	for i := range data {
		if data[i] = known[i]; unknown[i] {
			data[i] = make([]byte, size)
		}
	}
	block := blockSize(total, size)
	rows := newRows(total, block)
	for from := 0; from < size; from += block {
		to := min(from+block, size)
		for i := range rows {
			rows[i] = rows[i][:to-from]
			if unknown[i] {
				clear(rows[i])
				continue
			}
			copy(rows[i], known[i][from:to])
			m.scale(rows[i], m.f.exp[logs[i]])
		}
		m.backward(rows, 0)
		addDerivative(rows)
		m.forward(rows, 0, k)
		for i, d := range data {
			if unknown[i] {
				m.scale(rows[i], m.f.exp[fieldOrder-logs[i]])
				copy(d[from:to], rows[i])
			}
		}
	}
	return data
}

// locator is, for every symbol i, the logarithm of the product of i − e over the
// unknown symbols e other than i: the value of E at known symbols, that of its
// derivative at unknown ones. As i − e is the symbol i XOR e, the sum of logarithms is a
// convolution over XOR, which the Walsh–Hadamard transform turns into a product.
func locator(f *field, unknown []bool) []int {
	n := len(unknown)
	a, b := make([]int64, n), make([]int64, n)
	for i := range n {
		if unknown[i] {
			a[i] = 1
		}
		if i > 0 {
			b[i] = int64(f.log[i])
		}
	}
	walsh(a)
	walsh(b)
	for i := range a {
		a[i] = a[i] % fieldOrder * (b[i] % fieldOrder) % fieldOrder
	}
	walsh(a)
	// Divide by n: 2^16 is 1 modulo the group's order.
	inverse := int64(fieldSize / n)
	logs := make([]int, n)
	for i, v := range a {
		v = v % fieldOrder * inverse % fieldOrder
		logs[i] = int((v + fieldOrder) % fieldOrder)
	}
	return logs
}

func walsh(a []int64) {
	for half := 1; half < len(a); half *= 2 {
		for r := 0; r < len(a); r += 2 * half {
			for i := r; i < r+half; i++ {
				a[i], a[i+half] = a[i]+a[i+half], a[i]-a[i+half]
			}
		}
	}
}
