package pipeline

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"

	"pileus/executor"
	"pileus/hashing"
	"pileus/primitives"
	"pileus/relay"
	"pileus/scale"
	"pileus/trie"
)

// forgery is a candidate that must not get through. It is tried in three places, with
// everything besides the fault right:
//
//	collator ──► validators      as a collation: no honest validator may vote for it
//	backers ──► author           with the votes of a corrupt group, in what the author is given
//	author ──► importers         in the block of a corrupt author
type forgery struct {
	fault  string
	target uint32 // of relay-parent: R number
	late   time.Duration
	at     uint32 // on relay block R at the earliest
	v1     bool   // a descriptor of version 1

	block      *testBlock
	hash       primitives.CandidateHash
	backed     []primitives.BackedCandidate // what the author of the next block is given
	slot       primitives.Slot              // of that block
	validators []string                     // what they say
	author     []string
	importer   string
}

// start lets the collator of the para make the forged candidate on the relay block.
func (f *forgery) start(p *testPara, b *relayBlock, parent *testBlock) {
	rp := b
	switch {
	case f.target > 0 && f.fault == "relay-parent":
		rp = p.relayAt(f.target)
	case f.fault == "duplicate", f.fault == "excess", f.fault == "backwards":
		honest := p.author(b, parent)
		c := p.offer(b, parent, honest, nil, 0)
		_, x := p.candidate(b, parent, honest, nil)
		f.block, f.hash = honest, c.receipt.Hash()
		votes := p.vote(b, x, 2)
		f.backed = append(f.backed, votes)
		if f.fault == "duplicate" {
			f.backed = append(f.backed, votes)
			f.slot = b.slot + 1
			return
		}
		parent = honest
		if f.fault == "backwards" {
			rp = p.n.relay[b.header.ParentHash]
		}
	}
	number := parent.number + 1
	name := fmt.Sprintf("%s%d*", p.name, number)
	block := &testBlock{name: name, number: number, parent: parent.hash(), rp: b, head: p.head(parent.head, number, name, map[string]int{"head-too-large": 33 << 10}[f.fault])}
	if f.fault == "head-is-parent" {
		block.head = parent.head
	}
	if p.blocks[block.hash()] == nil {
		p.blocks[block.hash()] = block // no honest block is built on it, but the chain might take it
	}
	change := f.change(p, parent)
	c := p.forged(rp, parent, block, change)
	_, x := p.candidate(rp, parent, block, change)
	votes := 2
	if f.fault == "too-few-votes" {
		votes = 1
	}
	f.block, f.hash, f.slot = block, c.receipt.Hash(), b.slot+1
	f.backed = append(f.backed, p.vote(rp, x, votes))
	if f.fault == "too-few-votes" {
		return // to validators it is as good as any
	}
	p.n.world.After(f.late, func() {
		_, members, _ := p.group(b)
		p.n.advertise(c, members, "forger")
	})
}

// relayAt is relay block R of the run, as long as it is known.
func (p *testPara) relayAt(r uint32) *relayBlock {
	for _, b := range p.n.relay {
		if p.r(b) == r {
			return b
		}
	}
	return nil
}

func (p *testPara) forged(rp *relayBlock, parent, block *testBlock, change func(*parts)) *collation {
	c, _ := p.candidate(rp, parent, block, change)
	return c
}

func (f *forgery) change(p *testPara, parent *testBlock) func(*parts) {
	return func(x *parts) {
		d := &x.descriptor
		x.v1 = f.v1
		switch f.fault {
		case "relay-parent":
			if f.target == 0 {
				d.RelayParent = hashing.Blake2b256([]byte("a block that nobody made"))
			}
		case "code-hash":
			d.ValidationCodeHash = hashing.Blake2b256([]byte("other code"))
		case "pvd":
			x.pvd.RelayParentNumber++
			d.PVDHash = x.pvd.Hash()
		case "session":
			d.Session++
		case "para-head":
			d.ParaHead = hashing.Blake2b256([]byte("another head"))
		}
	}
}

// inject gives the author what the corrupt group has signed, and tries a block of a
// corrupt author that carries it.
func (f *forgery) inject(n *Network, slot primitives.Slot, data *primitives.ParachainsInherentData) {
	if slot != f.slot {
		return
	}
	data.Backed = slices.DeleteFunc(data.Backed, func(b primitives.BackedCandidate) bool {
		return b.Candidate.Hash() == f.backed[0].Candidate.Hash()
	})
	data.Backed = append(data.Backed, f.backed...)
	f.importer = "takes the block"
	if err := n.importCorrupt(slot, data); err != nil {
		f.importer = "refuses the block: " + err.Error()
	}
}

// importCorrupt imports a block whose author has left in it whatever it was given. All
// roots and the seal are made anew, so that nothing but the content can be wrong.
func (n *Network) importCorrupt(slot primitives.Slot, data *primitives.ParachainsInherentData) error {
	parent := n.best
	signer := n.validators[relay.SlotAuthor(parent.state, slot)].signer
	block, _, _, dropped, err := relay.Author(parent.state, parent.header, slot, signer, data)
	if err != nil || len(dropped) == 0 {
		return err
	}
	block.Inherent = *data
	list := block.Extrinsics()
	for i, e := range list {
		list[i] = scale.AppendBytes(nil, e)
	}
	block.Header.ExtrinsicsRoot = trie.OrderedRoot(trie.V0, list)
	block.Header, _, _ = block.Header.WithoutSeal()
	hash := block.Header.Hash()
	seal := signer.Sign(hash[:])
	block.Header.Digest = append(slices.Clone(block.Header.Digest), primitives.DigestItem{Kind: primitives.DigestSeal, Engine: primitives.EngineBabe, Data: seal[:]})
	_, _, err = relay.Import(parent.state, parent.header, block)
	return err
}

// heard takes down what validators and author say about the forgery, and tells whether
// it was about that.
func (f *forgery) heard(e Event) bool {
	switch e := e.(type) {
	case Declined:
		if e.Candidate.Candidate == f.hash {
			if quiet[e.Reason] {
				return true
			}
			f.validators = append(f.validators, told(e.Reason, e.Detail))
			return true
		}
	case InherentDropped:
		if f.slot != 0 && strings.Contains(e.What, f.hash.Short()) {
			f.author = append(f.author, e.Why)
			return true
		}
	}
	return false
}

func (f *forgery) report() string {
	or := func(list []string, otherwise string) string {
		if len(list) == 0 {
			return otherwise
		}
		return strings.Join(slices.Compact(list), "; ")
	}
	validators := "refuse it: " + or(f.validators, "")
	if len(f.validators) == 0 {
		validators = "have nothing against it"
		if f.fault == "too-few-votes" || f.fault == "duplicate" {
			validators = "are not asked"
		}
		if f.fault == "relay-parent" && f.target == 0 {
			validators = "wait for a relay block that never comes"
		}
	}
	author := "drops it: " + or(f.author, "")
	if len(f.author) == 0 {
		author = "takes it"
	}
	fault := f.fault
	if fault == "relay-parent" {
		fault = "relay-parent=unknown"
		if f.target > 0 {
			fault = fmt.Sprintf("relay-parent=R%d", f.target)
		}
	}
	if f.v1 {
		fault += ", version 1"
	}
	return fmt.Sprintf("%s, %s\n  validators  %s\n  author      %s\n  importer    %s\n", f.block.name, fault, validators, author, f.importer)
}

func told(reason, detail string) string {
	if detail == "" {
		return reason
	}
	return reason + ", " + detail
}

// bomb is a PoV that is small on the wire and too large in memory.
var bomb = sync.OnceValue(func() []byte {
	var b bytes.Buffer
	b.Write(executor.CompressedPrefix)
	w, _ := zstd.NewWriter(&b)
	zeroes := make([]byte, 1<<20)
	for range primitives.PoVBombLimit>>20 + 1 {
		w.Write(zeroes)
	}
	w.Close()
	return b.Bytes()
})
