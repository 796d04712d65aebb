package trie

import (
	"fmt"
	"math/bits"
	"sync"
	"sync/atomic"

	"pileus/hashing"
	"pileus/scale"
)

// Kinds of value that a node can hold.
const (
	noValue byte = iota
	inlineValue
	hashedValueKind
)

// node is a leaf (no children) or a branch.
//
//	stub ──load──► loaded            read from a source on first use
//	dirty ─seal──► loaded            made by Apply; it alone owns and changes dirty nodes
//
// A loaded node never changes again. hash and ref of a stub are set when it is made,
// so they can be read without a lock.
type node struct {
	state atomic.Uint32
	gen   uint32 // of the trie whose Apply made it; 0 if it came from a source

	ref    bool // the parent refers to it by hash: its encoding is at least 32 bytes
	vkind  byte
	bitmap uint16  // which children exist
	kids   []*node // those, in index order

	hash    hashing.Hash // set if ref
	enc     []byte       // encoding; nil while dirty
	partial []byte       // one nibble per byte
	inline  []byte       // inline value
	hashed  *hashedValue // hashed value
}

const (
	isStub   = 0
	isLoaded = 1
)

// hashedValue is a value that stands apart from its node; data is nil until it was
// read from a source. It is shared by all versions of the trie that carry it.
type hashedValue struct {
	hash hashing.Hash
	gen  uint32
	data atomic.Pointer[[]byte]
}

func stub(hash hashing.Hash) *node { return &node{ref: true, hash: hash} }

// loading serialises the first use of a node; many locks, so that two nodes rarely
// wait for each other.
var loading [64]sync.Mutex

// place is where a node or a hashed value stands, for a [Finder]: on the path of a key,
// or at the end of nibbles.
type place struct {
	key, nibbles []byte
	walk         bool // the keys that follow come next
}

// bytes is a key whose path leads over the place.
func (p *place) bytes() []byte {
	if p.nibbles == nil {
		return p.key
	}
	return packNibbles(append(p.nibbles[:len(p.nibbles):len(p.nibbles)], make([]byte, len(p.nibbles)&1)...))
}

// obtain gets a node or a hashed value out of a source.
func obtain(src Source, hash hashing.Hash, where *place) ([]byte, error) {
	if src == nil {
		return nil, &MissingNodeError{Hash: hash}
	}
	if data, ok := src.Node(hash); ok {
		return data, nil
	}
	f, ok := src.(Finder)
	if !ok {
		return nil, &MissingNodeError{Hash: hash}
	}
	data, err := f.Find(hash, where.bytes(), where.walk)
	if err != nil {
		return nil, &MissingNodeError{Hash: hash, Err: err}
	}
	return data, nil
}

// load makes sure that a stub is loaded.
func (n *node) load(src Source, where *place) error {
	if n.state.Load() == isLoaded {
		return nil
	}
	return n.loadSlow(src, where)
}

func (n *node) loadSlow(src Source, where *place) error {
	enc, err := obtain(src, n.hash, where) // which may wait for the network
	if err != nil {
		return err
	}
	lock := &loading[n.hash[0]&63]
	lock.Lock()
	defer lock.Unlock()
	if n.state.Load() == isLoaded {
		return nil
	}
	if err := n.decode(enc); err != nil {
		return fmt.Errorf("trie: node %s: %w", n.hash, err)
	}
	n.state.Store(isLoaded)
	return nil
}

// open loads the node and records it, if it is neither inline nor dirty.
func (n *node) open(src Source, where *place, rec *Recorder) error {
	if err := n.load(src, where); err != nil {
		return err
	}
	if n.ref && n.enc != nil {
		rec.add(n.hash, n.enc)
	}
	return nil
}

// value reads and records the node's value.
func (n *node) value(src Source, where *place, rec *Recorder) ([]byte, error) {
	if n.vkind == inlineValue {
		return n.inline, nil
	}
	data, err := n.hashed.bytes(src, where)
	if err != nil {
		return nil, err
	}
	rec.add(n.hashed.hash, data)
	return data, nil
}

func (v *hashedValue) bytes(src Source, where *place) ([]byte, error) {
	if p := v.data.Load(); p != nil {
		return *p, nil
	}
	data, err := obtain(src, v.hash, where)
	if err != nil {
		return nil, err
	}
	if data == nil {
		data = []byte{}
	}
	v.data.Store(&data)
	return data, nil
}

// child returns the child at index i, nil if there is none.
func (n *node) child(i byte) *node {
	if n.bitmap>>i&1 == 0 {
		return nil
	}
	return n.kids[n.slot(i)]
}

// slot is the place in kids of the child at index i.
func (n *node) slot(i byte) int { return bits.OnesCount16(n.bitmap & (1<<i - 1)) }

// First bytes of the node kinds and the number of bits left for the nibble count.
const (
	headLeaf         = 0x40
	headBranch       = 0x80
	headBranchValue  = 0xc0
	headLeafHashed   = 0x20
	headBranchHashed = 0x10
	headCompact      = 0x01 // compact proofs only
)

// reader walks over the bytes of a node.
type reader struct {
	b   []byte
	off int
	bad string // what was wrong, "" so far nothing
}

func (r *reader) fail(what string) {
	if r.bad == "" {
		r.bad = what
	}
}

func (r *reader) take(n int) []byte {
	if r.bad != "" || n < 0 || n > len(r.b)-r.off {
		r.fail("ends too early")
		return nil
	}
	s := r.b[r.off : r.off+n : r.off+n]
	r.off += n
	return s
}

func (r *reader) u8() byte {
	b := r.take(1)
	if b == nil {
		return 0
	}
	return b[0]
}

// sized reads a compact length and as many bytes.
func (r *reader) sized() []byte {
	if r.bad != "" {
		return nil
	}
	d := scale.NewDecoder(r.b[r.off:])
	n := d.CompactU32()
	if d.Err() != nil {
		r.fail("length is malformed")
		return nil
	}
	r.off += d.Offset()
	return r.take(int(min(n, 1<<31-1)))
}

// plan is a node as its bytes lay it out; slices alias them.
type plan struct {
	branch  bool
	nibbles int
	packed  []byte // partial key, odd counts with a leading zero nibble
	vkind   byte
	value   []byte // inline value or 32 bytes of hash
	bitmap  uint16
	kids    [16][]byte // child references as they stand: 32 bytes are a hash
}

// parse reads one node; bytes after it are ignored. The empty node is an error here.
func (p *plan) parse(enc []byte) error {
	r := reader{b: enc}
	first := r.u8()
	var max byte
	switch {
	case first&0xc0 == headLeaf:
		max, p.vkind = 63, inlineValue
	case first&0xc0 == headBranch:
		max, p.branch = 63, true
	case first&0xc0 == headBranchValue:
		max, p.branch, p.vkind = 63, true, inlineValue
	case first&0xe0 == headLeafHashed:
		max, p.vkind = 31, hashedValueKind
	case first&0xf0 == headBranchHashed:
		max, p.branch, p.vkind = 15, true, hashedValueKind
	default:
		r.fail("has an unknown header")
	}
	p.nibbles = int(first & max)
	if first&max == max {
		p.nibbles--
		for {
			b := r.u8()
			p.nibbles += int(b)
			if b < 255 {
				p.nibbles++
				break
			}
		}
	}
	p.packed = r.take((p.nibbles + 1) / 2)
	if p.nibbles&1 == 1 && r.bad == "" && p.packed[0]&0xf0 != 0 {
		r.fail("has a partial key with wrong padding")
	}
	if p.branch {
		if b := r.take(2); b != nil {
			p.bitmap = uint16(b[0]) | uint16(b[1])<<8
		}
		if p.bitmap == 0 {
			r.fail("is a branch without children")
		}
	}
	switch p.vkind {
	case inlineValue:
		p.value = r.sized()
	case hashedValueKind:
		p.value = r.take(32)
	}
	for i := range p.kids {
		if p.bitmap>>i&1 == 1 {
			p.kids[i] = r.sized()
		}
	}
	if r.bad != "" {
		return fmt.Errorf("%w: %s", ErrNode, r.bad)
	}
	return nil
}

// partial unpacks the partial key.
func (p *plan) partial() []byte {
	out := make([]byte, p.nibbles)
	skip := p.nibbles & 1
	for i := range out {
		out[i] = nibbleAt(p.packed, i+skip)
	}
	return out
}

// decode fills the node from its encoding, which it keeps.
func (n *node) decode(enc []byte) error {
	var p plan
	if err := p.parse(enc); err != nil {
		return err
	}
	n.enc, n.partial, n.vkind, n.bitmap = enc, p.partial(), p.vkind, p.bitmap
	switch p.vkind {
	case inlineValue:
		n.inline = p.value
	case hashedValueKind:
		n.hashed = &hashedValue{hash: hashing.Hash(p.value)}
	}
	if p.bitmap == 0 {
		return nil
	}
	slab := make([]node, bits.OnesCount16(p.bitmap))
	n.kids = make([]*node, 0, len(slab))
	for i := range p.kids {
		if p.bitmap>>i&1 == 0 {
			continue
		}
		kid, ref := &slab[len(n.kids)], p.kids[i]
		n.kids = append(n.kids, kid)
		switch {
		case len(ref) == 32:
			kid.ref, kid.hash = true, hashing.Hash(ref)
		case len(ref) > 32:
			return fmt.Errorf("%w: has an inline child of %d bytes", ErrNode, len(ref))
		default:
			// At most 31 bytes, so this goes a few levels deep at most.
			if err := kid.decode(ref); err != nil {
				return fmt.Errorf("inline child %d: %w", i, err)
			}
			kid.state.Store(isLoaded)
		}
	}
	return nil
}

// appendHeader appends the first bytes of a node with that many nibbles.
func appendHeader(b []byte, branch bool, vkind byte, nibbles int) []byte {
	head, max := byte(headLeaf), 63
	switch {
	case branch && vkind == noValue:
		head = headBranch
	case branch && vkind == inlineValue:
		head = headBranchValue
	case branch:
		head, max = headBranchHashed, 15
	case vkind == hashedValueKind:
		head, max = headLeafHashed, 31
	}
	if nibbles < max {
		return append(b, head|byte(nibbles))
	}
	b = append(b, head|byte(max))
	r := nibbles - (max - 1)
	for ; r >= 256; r -= 255 {
		b = append(b, 255)
	}
	return append(b, byte(r-1))
}

// appendPartial appends nibbles two to a byte, an odd first one alone.
func appendPartial(b, nibbles []byte) []byte {
	i := len(nibbles) & 1
	if i == 1 {
		b = append(b, nibbles[0])
	}
	for ; i < len(nibbles); i += 2 {
		b = append(b, nibbles[i]<<4|nibbles[i+1])
	}
	return b
}

// seal encodes a dirty node whose children are sealed. Its inline value moves into the
// encoding, so that the bytes exist once.
func (n *node) seal(hash hashFunc) {
	size := 3 + len(n.partial)/254 + len(n.partial)/2 + 1
	switch n.vkind {
	case inlineValue:
		size += scale.CompactLen(uint64(len(n.inline))) + len(n.inline)
	case hashedValueKind:
		size += 32
	}
	if n.bitmap != 0 {
		size += 2
		for _, k := range n.kids {
			if k.ref {
				size += 33
			} else {
				size += 1 + len(k.enc)
			}
		}
	}
	b := appendHeader(make([]byte, 0, size), n.bitmap != 0, n.vkind, len(n.partial))
	b = appendPartial(b, n.partial)
	if n.bitmap != 0 {
		b = scale.AppendU16(b, n.bitmap)
	}
	switch n.vkind {
	case inlineValue:
		b = scale.AppendBytes(b, n.inline)
		n.inline = b[len(b)-len(n.inline) : len(b) : len(b)]
	case hashedValueKind:
		b = append(b, n.hashed.hash[:]...)
	}
	for _, k := range n.kids {
		if k.ref {
			b = append(append(b, 32<<2), k.hash[:]...)
		} else {
			b = append(append(b, byte(len(k.enc))<<2), k.enc...)
		}
	}
	n.enc = b
	if n.ref = len(b) >= 32; n.ref {
		n.hash = hash(b)
	}
}
