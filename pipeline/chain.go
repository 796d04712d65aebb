package pipeline

import (
	"context"
	"sync"
	"time"

	"pileus/collator"
	"pileus/hashing"
	"pileus/parachain"
	"pileus/primitives"
	"pileus/txpool"
)

// Para is a parachain with its collators.
type Para struct {
	Host              *parachain.Host
	Chain             *parachain.Chain
	Collator          collator.Kind
	AuthoringDuration time.Duration
	BlockCost         time.Duration // of every block; 0: what its weight says
	Transfers         int           // submitted per relay block
	ExportPoV         func(block primitives.Hash, number uint32, pov []byte) error
}

// collateTime is what making a collation costs besides the block: compression and the erasure code.
const collateTime = 5 * time.Millisecond

// minBlockCost is the least that a block costs, however little it weighs.
const minBlockCost = time.Millisecond

// chain is a parachain in the network.
type chain struct {
	Para
	id    primitives.ParaID
	nodes []*paraNode

	blocks   map[hashing.Hash]*builtBlock // by hash, as long as candidates may need them
	executed map[hashing.Hash]*execution
	infos    map[hashing.Hash]*collator.RuntimeInfo
	code     hashing.Hash // of the newest block's state

	pool      *txpool.Pool                 // one for all nodes of the chain
	answers   map[hashing.Hash]func(error) // to submissions from outside
	checked   map[hashing.Hash]Checked     // ahead, of submissions from outside
	transfers *parachain.Transfers
	spec      uint32 // of the runtime that transfers are made for
	open      map[hashing.Hash]*transfer
	order     []*transfer           // open ones, oldest first
	done      map[hashing.Hash]bool // included transfers
	count     TransferCount

	upgrade *upgrade               // the last one
	last    *parachain.BuildParams // of the newest block, see [Network.Again]
	newest  *builtBlock
}

// builtBlock is a block that a collator has built, with what it costs.
type builtBlock struct {
	*parachain.Built
	cost        time.Duration
	parent      hashing.Hash
	collator    string
	relayParent *primitives.Header
}

// execution is one real import by execution that nodes share: whoever comes first does it,
// the others wait.
type execution struct {
	once   sync.Once
	result *parachain.Executed
	err    error
}

func (e *execution) run(ctx context.Context, host *parachain.Host, params parachain.ExecuteParams) {
	e.once.Do(func() { e.result, e.err = host.Execute(ctx, params) })
}

// paraNode is a collator with its node.
type paraNode struct {
	*parachain.Node
	chain    *chain
	name     string
	key      [32]byte // under the key type aura
	collator *collator.Collator
}

// backend shows a collator its node's blocks.
type backend struct{ n *parachain.Node }

func (b backend) Header(hash hashing.Hash) (*primitives.Header, bool) {
	e, ok := b.n.Get(hash)
	if !ok {
		return nil, false
	}
	return &e.Block.Header, true
}

func (b backend) Children(hash hashing.Hash) []hashing.Hash { return b.n.Children(hash) }

func (b backend) Best() hashing.Hash { return b.n.Best().Hash }

func newChain(p Para) *chain {
	c := &chain{Para: p, id: p.Chain.ParaID, blocks: map[hashing.Hash]*builtBlock{}, executed: map[hashing.Hash]*execution{},
		infos: map[hashing.Hash]*collator.RuntimeInfo{}, code: p.Chain.CodeHash(),
		answers: map[hashing.Hash]func(error){}, checked: map[hashing.Hash]Checked{},
		open: map[hashing.Hash]*transfer{}, done: map[hashing.Hash]bool{}}
	c.pool = txpool.New(txpool.DefaultLimits(), p.Chain.Genesis.Hash(), p.Chain.Genesis.Number)
	for _, key := range p.Chain.Keys {
		n := &paraNode{Node: parachain.NewNode(p.Chain), chain: c, name: key.Name, key: key.Public}
		n.collator = c.newCollator(n)
		c.nodes = append(c.nodes, n)
	}
	return c
}

func (c *chain) newCollator(n *paraNode) *collator.Collator {
	params := collator.DefaultParams(c.Collator)
	params.ParaID, params.ParaBackend, params.Keystore, params.AuthoringDuration = c.id, backend{n.Node}, [][32]byte{n.key}, c.AuthoringDuration
	return collator.New(params)
}

// names are those of the collators.
func (c *chain) names() (list []string) {
	for _, n := range c.nodes {
		list = append(list, n.name)
	}
	return list
}

// keyOf is the key pair of an authority.
func (c *chain) keyOf(public [32]byte) *parachain.AuraKey {
	for i := range c.Chain.Keys {
		if c.Chain.Keys[i].Public == public {
			return &c.Chain.Keys[i]
		}
	}
	return nil
}

// cost is the virtual time that a block takes to build, to import and to validate.
func (c *chain) cost(w parachain.Weight) time.Duration {
	if c.BlockCost > 0 {
		return c.BlockCost
	}
	return max(minBlockCost, time.Duration(w.RefTime/1000)) // picoseconds
}

// info is what the runtime says at a block, asked once for all collators.
func (c *chain) info(ctx context.Context, at *parachain.Entry) (*collator.RuntimeInfo, error) {
	if known := c.infos[at.Hash]; known != nil {
		return known, nil
	}
	info, err := c.ask(ctx, at)
	if err == nil {
		c.infos[at.Hash] = info
	}
	return info, err
}

func (c *chain) ask(ctx context.Context, at *parachain.Entry) (*collator.RuntimeInfo, error) {
	i, err := c.Host.Info(ctx, at.State)
	if err != nil {
		return nil, err
	}
	info := &collator.RuntimeInfo{CodeHash: i.CodeHash, SlotDuration: time.Duration(i.SlotDuration) * time.Millisecond,
		Authorities: i.Authorities, RelayParentOffset: i.RelayParentOffset, SegmentAPI: i.SegmentAPI}
	if i.MaxClaimQueueOffset != nil {
		info.MaxClaimQueueOffset = *i.MaxClaimQueueOffset
	}
	for _, key := range i.KeysToProve {
		if key.Child == nil {
			info.KeysToProve = append(info.KeysToProve, key.Key)
		}
	}
	return info, nil
}

// prune forgets blocks that no relay parent in reach can need.
func (c *chain) prune(number uint32) {
	const keep = 64
	for hash, b := range c.blocks {
		if b.relayParent.Number+keep < number {
			delete(c.blocks, hash)
			delete(c.executed, hash)
			delete(c.infos, hash)
		}
	}
}
