package trie

import (
	"errors"
	"fmt"

	"pileus/hashing"
	"pileus/scale"
)

// Causes of an error of [DecodeCompact], besides [ErrNode] and [*ChildRootError].
var (
	// ErrRootMismatch: the rebuilt root is not the expected one.
	ErrRootMismatch = errors.New("compact proof has another root")
	// ErrIncompleteProof: the items end before the trie is whole.
	ErrIncompleteProof = errors.New("compact proof ends too early")
	// ErrExtraneousNode: items are left over that no root in the proof accounts for.
	ErrExtraneousNode = errors.New("compact proof has items left over")
)

// maxCompactDepth bounds the nodes on one path, each of which takes at least one nibble
// of a key. Real keys have a few hundred nibbles at most; a forged proof could otherwise
// nest as deep as it has items.
const maxCompactDepth = 1 << 16

// EncodeCompact brings the nodes of a storage proof into the form in which it travels in
// a PoV: depth first, parents before children; a child or hashed value that follows as
// an item of its own is left out of its parent, since the reader can hash it. The main
// trie comes first, then each child trie whose root stands in it. Every node and value is
// written once. Nodes that no root leads to are dropped.
// (sp-trie encode_compact, trie-db encode_compact_skip_duplicates)
func EncodeCompact(root hashing.Hash, nodes [][]byte) ([][]byte, error) {
	return EncodeCompactFrom(root, NewNodeSet(nodes))
}

// EncodeCompactFrom is [EncodeCompact] over a source that holds the proof, such as a
// [Recorder]; no node is hashed again.
func EncodeCompactFrom(root hashing.Hash, proof Source) ([][]byte, error) {
	w := compactWriter{src: proof, nodes: map[hashing.Hash]bool{}, values: map[hashing.Hash]bool{}}
	children, err := childRoots(root, proof)
	if err != nil {
		return nil, err
	}
	if err := w.trie(root); err != nil {
		return nil, err
	}
	for _, child := range children {
		if _, ok := lookup(proof, child); !ok {
			continue // a root alone, because a neighbour's path was needed
		}
		if err := w.trie(child); err != nil {
			return nil, err
		}
	}
	return w.out, nil
}

// lookup is a source's Node in which the empty node always exists.
func lookup(src Source, hash hashing.Hash) ([]byte, bool) {
	if hash == EmptyRoot {
		return emptyNode, true
	}
	return src.Node(hash)
}

// childRoots lists the roots of child tries that a proof of the main trie shows, in key
// order.
func childRoots(root hashing.Hash, proof Source) ([]hashing.Hash, error) {
	it := &Iter{t: FromSource(root, proof)}
	var roots []hashing.Hash
	if _, err := it.seek([]byte(ChildPrefix)); err != nil {
		if isMissing(err) {
			return nil, nil
		}
		return nil, err
	}
	for {
		key, ok, err := it.Next()
		if isMissing(err) {
			continue // nothing below is part of the proof
		}
		if err != nil {
			return nil, err
		}
		if !ok || !hasPrefix(key, []byte(ChildPrefix)) {
			return roots, nil
		}
		v, err := it.Value()
		if isMissing(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if len(v) != 32 {
			return nil, fmt.Errorf("trie: compact proof: %w", &ChildRootError{Key: key, Value: v})
		}
		roots = append(roots, hashing.Hash(v))
	}
}

func isMissing(err error) bool {
	var m *MissingNodeError
	return errors.As(err, &m)
}

// compactWriter collects the items. Nodes and values that were written are remembered
// apart: leaving out a node drops what is below it, which a value can never stand for.
type compactWriter struct {
	src           Source
	out           [][]byte
	depth         int
	nodes, values map[hashing.Hash]bool
}

func (w *compactWriter) trie(root hashing.Hash) error {
	enc, ok := lookup(w.src, root)
	if !ok {
		return fmt.Errorf("trie: compact proof: %w", &MissingNodeError{Hash: root})
	}
	return w.node(root, enc)
}

// node writes a node and what of it is in the proof.
func (w *compactWriter) node(hash hashing.Hash, enc []byte) error {
	w.nodes[hash] = true
	place := len(w.out)
	w.out = append(w.out, enc)
	if hash == EmptyRoot {
		return nil
	}
	if w.depth >= maxCompactDepth {
		return fmt.Errorf("trie: compact proof: nodes nest deeper than %d", maxCompactDepth)
	}
	w.depth++
	defer func() { w.depth-- }()
	var p plan
	if err := p.parse(enc); err != nil {
		return fmt.Errorf("trie: compact proof: node %s: %w", hash, err)
	}
	apart := false
	if p.vkind == hashedValueKind {
		h := hashing.Hash(p.value)
		if data, ok := w.src.Node(h); ok && !w.values[h] {
			w.values[h] = true
			w.out = append(w.out, data)
			apart = true
		}
	}
	cut := false
	for i, ref := range p.kids {
		if len(ref) != 32 {
			continue
		}
		h := hashing.Hash(ref)
		kid, ok := w.src.Node(h)
		if !ok || w.nodes[h] {
			continue
		}
		if err := w.node(h, kid); err != nil {
			return err
		}
		p.kids[i], cut = []byte{}, true
	}
	if !apart && !cut {
		return nil
	}
	var b []byte
	if apart {
		b = append(b, headCompact)
		p.vkind, p.value = inlineValue, nil
	}
	w.out[place] = p.appendTo(b)
	return nil
}

// appendTo appends the node's encoding.
func (p *plan) appendTo(b []byte) []byte {
	b = appendHeader(b, p.branch, p.vkind, p.nibbles)
	b = append(b, p.packed...)
	if p.branch {
		b = scale.AppendU16(b, p.bitmap)
	}
	switch p.vkind {
	case inlineValue:
		b = scale.AppendBytes(b, p.value)
	case hashedValueKind:
		b = append(b, p.value...)
	}
	for i, ref := range p.kids {
		if p.bitmap>>i&1 == 1 {
			b = scale.AppendBytes(b, ref)
		}
	}
	return b
}

// DecodeCompact rebuilds the nodes and hashed values of a storage proof from its compact
// form, main trie and child tries, each once and in the order of their rebuilding. The
// root must be the expected one and every item must be used.
// (sp-trie decode_compact)
func DecodeCompact(items [][]byte, root hashing.Hash) ([][]byte, error) {
	set, err := decodeCompact(items, root)
	if err != nil {
		return nil, err
	}
	nodes := make([][]byte, len(set.entries))
	for i := range set.entries {
		nodes[i] = set.entries[i].data
	}
	return nodes, nil
}

// StateFromCompact is the part of a state that a compact proof shows, see
// [DecodeCompact]. No node is hashed twice. The items must stay unchanged.
func StateFromCompact(root hashing.Hash, items [][]byte) (*State, error) {
	set, err := decodeCompact(items, root)
	if err != nil {
		return nil, err
	}
	return StateFromSource(root, set), nil
}

func decodeCompact(items [][]byte, root hashing.Hash) (*Recorder, error) {
	r := compactReader{items: items, set: &Recorder{entries: make([]entry, 0, len(items))}}
	got, err := r.trie()
	if err != nil {
		return nil, err
	}
	if got != root {
		return nil, fmt.Errorf("trie: %w: %s instead of %s", ErrRootMismatch, got, root)
	}
	children, err := childRoots(root, r.set)
	if err != nil {
		return nil, err
	}
	// Child tries come in the order of their roots; one without content is passed over.
	var pending *hashing.Hash
	for _, child := range children {
		if pending == nil && len(r.items) > 0 {
			got, err := r.trie()
			if err != nil {
				return nil, err
			}
			pending = &got
		}
		if pending != nil && *pending == child {
			pending = nil
		}
	}
	if pending != nil {
		return nil, fmt.Errorf("trie: %w: a trie with root %s, which is no child", ErrExtraneousNode, *pending)
	}
	if len(r.items) > 0 {
		return nil, fmt.Errorf("trie: %w: %d of %d", ErrExtraneousNode, len(r.items), len(items))
	}
	return r.set, nil
}

// compactReader rebuilds nodes from items. A validation function has tens of thousands of
// them to rebuild, so what is used for one node is used again for the next.
type compactReader struct {
	items [][]byte
	set   *Recorder // nodes and values so far, each once
	chunk []byte    // room for nodes
	spare []*openNode
}

func (r *compactReader) keep(data []byte) hashing.Hash {
	h := hashing.Blake2b256(data)
	if h != EmptyRoot { // always resolvable, never part of a proof
		r.set.add(h, data)
	}
	return h
}

// openNode is a node whose children are being rebuilt; next is the index to look at.
type openNode struct {
	p      plan
	next   int
	hashes [16]hashing.Hash // of the children that were left out
	value  hashing.Hash     // of a value that was
}

func (r *compactReader) open() *openNode {
	if n := len(r.spare); n > 0 {
		node := r.spare[n-1]
		r.spare = r.spare[:n-1]
		node.p, node.next = plan{}, 0
		return node
	}
	return &openNode{}
}

// chunkSize is how many bytes are allocated at once for nodes.
const chunkSize = 64 << 10

// done keeps a node whose children are rebuilt.
func (r *compactReader) done(n *openNode) hashing.Hash {
	most := 2*len(n.p.packed) + len(n.p.value) + 16*33 + 64 // a long partial key has a long header; no child is longer than a hash
	if cap(r.chunk)-len(r.chunk) < most {
		r.chunk = make([]byte, 0, max(chunkSize, most))
	}
	data := n.p.appendTo(r.chunk[len(r.chunk):])
	r.chunk = r.chunk[:len(r.chunk)+len(data)]
	r.spare = append(r.spare, n)
	return r.keep(data[:len(data):len(data)])
}

// trie rebuilds one trie and returns its root.
func (r *compactReader) trie() (hashing.Hash, error) {
	var stack []*openNode
	for {
		if len(r.items) == 0 {
			return hashing.Hash{}, fmt.Errorf("trie: %w", ErrIncompleteProof)
		}
		item := r.items[0]
		r.items = r.items[1:]
		if len(item) > 0 && item[0] == 0 {
			item = emptyNode
		}
		var hash hashing.Hash
		if len(item) == 1 && item[0] == 0 {
			hash = r.keep(emptyNode)
		} else {
			n := r.open()
			if err := r.read(n, item); err != nil {
				return hash, err
			}
			if n.stopsAtCut() {
				if stack = append(stack, n); len(stack) > maxCompactDepth {
					return hash, fmt.Errorf("trie: compact proof: nodes nest deeper than %d", maxCompactDepth)
				}
				continue
			}
			hash = r.done(n)
		}
		// Every node that this one completes is done too.
		for {
			if len(stack) == 0 {
				return hash, nil
			}
			up := stack[len(stack)-1]
			up.hashes[up.next] = hash
			up.p.kids[up.next] = up.hashes[up.next][:]
			up.next++
			if up.stopsAtCut() {
				break
			}
			stack = stack[:len(stack)-1]
			hash = r.done(up)
		}
	}
}

// read parses an item, with the value that follows it if it says so.
func (r *compactReader) read(n *openNode, item []byte) error {
	apart := len(item) > 0 && item[0] == headCompact
	if apart {
		item = item[1:]
	}
	p := &n.p
	if err := p.parse(item); err != nil {
		return fmt.Errorf("trie: compact proof: %w", err)
	}
	for _, ref := range p.kids {
		if len(ref) > 32 {
			return fmt.Errorf("trie: compact proof: %w: has an inline child of %d bytes", ErrNode, len(ref))
		}
	}
	if !apart {
		return nil
	}
	if len(r.items) == 0 {
		return fmt.Errorf("trie: %w: a value is missing", ErrIncompleteProof)
	}
	n.value = r.keep(r.items[0])
	r.items = r.items[1:]
	p.vkind, p.value = hashedValueKind, n.value[:]
	return nil
}

// stopsAtCut moves on to the next child that was left out, if there is one.
func (n *openNode) stopsAtCut() bool {
	for ; n.next < 16; n.next++ {
		if n.p.bitmap>>n.next&1 == 1 && len(n.p.kids[n.next]) == 0 {
			return true
		}
	}
	return false
}
