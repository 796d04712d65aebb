package pipeline

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"pileus/collator"
	"pileus/hashing"
	"pileus/parachain"
	"pileus/primitives"
	"pileus/validator"
	"pileus/world"
)

// relayImported brings a relay block to a collator: its node follows the chain's heads,
// then the collator goes to work.
func (n *Network) relayImported(p *paraNode, b *relayBlock) {
	best := parachain.RelayBest{Included: b.state.Head(p.chain.id)}
	for _, c := range b.state.Pending(p.chain.id) {
		best.Pending = append(best.Pending, parachain.PendingBlock{Candidate: c.Hash, Block: c.Descriptor.ParaHead()})
	}
	n.paraStep(p, best)
	if final := n.ancestor(b, n.finalityLag); final != nil {
		n.paraStep(p, parachain.RelayFinalized{Included: final.state.Head(p.chain.id)})
	}
	n.collate(p, collator.RelayImported{Header: b.header})
}

// ancestor is the relay block that lies back blocks before b; nil if it is not known.
func (n *Network) ancestor(b *relayBlock, back int) *relayBlock {
	for ; back > 0 && b != nil; back-- {
		b = n.relay[b.header.ParentHash]
	}
	return b
}

// paraStep tells a parachain node what happened and does what it wants done.
func (n *Network) paraStep(p *paraNode, in parachain.Input) {
	first := p == p.chain.nodes[0]
	for _, out := range p.Step(n.world.Now(), in) {
		if first && n.cfg.Observer != nil {
			n.cfg.Observer.Para(p.chain.id, out)
		}
		switch out := out.(type) {
		case parachain.Execute:
			n.executeBlock(p, out)
		case parachain.Announce:
			if out.Own {
				n.announce(p, out.Block)
			}
		case parachain.Missing:
			n.recover(p, out)
		case parachain.BestChanged:
			if first {
				n.poolBest(p.chain, out)
			}
		case parachain.Finalized:
			if first {
				n.poolFinalized(p.chain, out)
			}
		case parachain.Rejected:
			if n.once("rejected", out.Hash) {
				n.tell(Refused{Para: p.chain.id, Collator: p.name, Reason: RefusedImport, Cause: fmt.Sprintf("import #%d: %v", out.Number, out.Err)})
			}
		}
	}
}

// announce sends a block to the chain's other nodes.
func (n *Network) announce(from *paraNode, block *primitives.Block) {
	for _, p := range from.chain.nodes {
		if p != from {
			n.world.After(n.between(gossip), func() { n.paraStep(p, parachain.BlockReceived{Block: block, From: from.name}) })
		}
	}
}

// recover brings a node a block that the relay chain knows and that never came.
func (n *Network) recover(p *paraNode, m parachain.Missing) {
	n.world.After(n.between(recovery), func() {
		if b := p.chain.blocks[m.Block]; b != nil && p.Status(m.Block) == parachain.Unknown {
			n.paraStep(p, parachain.BlockReceived{Block: &b.Block, Recovered: true})
		}
	})
}

// executeBlock imports a block by executing it. That takes as long as building it took.
func (n *Network) executeBlock(p *paraNode, e parachain.Execute) {
	c, hash := p.chain, e.Params.Block.Header.Hash()
	cost := minBlockCost
	if b := c.blocks[hash]; b != nil {
		cost = b.cost
	}
	shared := c.executed[hash]
	if shared == nil || n.cfg.ExecuteAll {
		shared = &execution{}
		c.executed[hash] = shared
	}
	n.world.Begin(world.Job{
		What:    fmt.Sprintf("import #%d", e.Params.Block.Header.Number),
		MinCost: cost,
		Run:     func(ctx context.Context) any { shared.run(ctx, c.Host, e.Params); return nil },
		Done: func(any) {
			n.paraStep(p, parachain.BlockExecuted{ID: e.ID, Result: shared.result, Err: shared.err})
		},
	})
}

// collate tells a collator what happened and does what it wants done.
func (n *Network) collate(p *paraNode, in collator.Input) {
	for _, out := range p.collator.Step(n.world.Now(), in) {
		switch out := out.(type) {
		case collator.AskRelay:
			v, err := n.answer(out.Query)
			n.collate(p, collator.Answered{ID: out.ID, Value: v, Err: err})
		case collator.AskRuntime:
			n.askRuntime(p, out)
		case collator.CanBuildUpon:
			n.canBuildUpon(p, out)
		case collator.BuildBlock:
			n.buildBlock(p, out)
		case collator.Collate:
			n.makeCollation(p, out)
		case collator.Announce:
			n.paraStep(p, parachain.BlockBuilt{Built: p.chain.blocks[out.Block].Built})
		case collator.Submit:
			n.submit(p, out)
		case collator.SetTimer:
			n.world.At(out.At, func() { n.collate(p, collator.Tick{}) })
		case collator.Note:
			n.collatorNote(p, out)
		}
	}
}

func (n *Network) collatorNote(p *paraNode, note collator.Note) {
	if note.Kind == collator.Refused {
		n.tell(Refused{p.chain.id, p.name, note.RelayParent.Number, string(note.Reason), note.Detail, note.PoVBytes})
		return
	}
	n.tell(Passed{p.chain.id, p.name, note.RelayParent.Number, string(note.Reason), note.Detail})
}

func (n *Network) askRuntime(p *paraNode, q collator.AskRuntime) {
	answer := collator.Answered{ID: q.ID}
	if at, ok := p.Get(q.At); ok {
		info, err := p.chain.info(n.ctx, at)
		if answer.Err = err; err == nil {
			answer.Value = *info
		}
	}
	n.collate(p, answer)
}

func (n *Network) canBuildUpon(p *paraNode, q collator.CanBuildUpon) {
	answer := collator.Answered{ID: q.ID}
	if at, ok := p.Get(q.At); ok {
		r, err := p.chain.Host.At(n.ctx, at.State, parachain.OnChain)
		if err == nil {
			answer.Value, err = r.CanBuildUpon(n.ctx, q.Included, q.ParaSlot, q.RelaySlot)
		}
		answer.Err = err
	}
	n.collate(p, answer)
}

// buildBlock builds a block on a worker. Its cost is known when it is done; one that
// costs more than the collator allows is given up at that time.
func (n *Network) buildBlock(p *paraNode, q collator.BuildBlock) {
	c := p.chain
	parent, ok := p.Get(q.Parent)
	key := c.keyOf(q.Authority)
	if !ok || key == nil {
		n.collate(p, collator.Answered{ID: q.ID, Err: fmt.Errorf("parent or key is not here")})
		return
	}
	params := parachain.BuildParams{
		Parent: &parent.Block.Header, ParentState: parent.State, Digest: q.Digest, Slot: q.Slot, Timestamp: q.Timestamp,
		Inherent: q.Inherent, Transactions: c.pool.Ready(), Limits: parachain.Limits{Bytes: q.PoVBudget}, Key: key,
	}
	if c.BlockCost == 0 { // the proposer's 90 %
		params.Limits.RefTime = uint64(q.AuthoringDuration/time.Microsecond) * 1e6 * 9 / 10
	}
	type outcome struct {
		built *parachain.Built
		err   error
	}
	n.world.Begin(world.Job{
		What:    fmt.Sprintf("build #%d", parent.Number()+1),
		MinCost: minBlockCost,
		Run: func(ctx context.Context) any {
			params := params
			params.Progress = func(w parachain.Weight) { world.AtLeast(ctx, min(c.cost(w), q.AuthoringDuration)) }
			b, err := c.Host.Build(ctx, params)
			return outcome{b, err}
		},
		Cost: func(r any) time.Duration {
			if o := r.(outcome); o.err == nil {
				return min(c.cost(o.built.Weight), q.AuthoringDuration)
			}
			return minBlockCost
		},
		Done: func(r any) {
			o := r.(outcome)
			answer := collator.Answered{ID: q.ID, Err: o.err}
			switch {
			case o.err != nil:
			case c.cost(o.built.Weight) > q.AuthoringDuration:
				answer.Err = &collator.RefusedError{Reason: collator.TooExpensive,
					Detail: fmt.Sprintf("the block takes %v, authoring stops at %v", c.cost(o.built.Weight), q.AuthoringDuration)}
			default:
				b := &builtBlock{o.built, c.cost(o.built.Weight), q.Parent, p.name, q.RelayParent}
				n.authored(p, b)
				c.last, c.newest = &params, b
				answer.Value = collator.Built{Hash: b.Hash, Header: &b.Block.Header}
			}
			n.collate(p, answer)
		},
	})
}

// authored keeps a block that was built and tells of it.
func (n *Network) authored(p *paraNode, b *builtBlock) {
	c := p.chain
	c.blocks[b.Hash] = b
	block := ParaBlock{c.id, b.Block.Header.Number, b.Hash}
	session := primitives.SessionIndex(0)
	if r := n.relay[b.relayParent.Hash()]; r != nil {
		session = r.state.SessionIndexForChild()
	}
	n.ledger.authored(&entry{ParaBlock: block, parent: b.parent, collator: p.name, relayParent: b.relayParent.Number, session: session})
	n.tell(Authored{
		ParaBlock: block, Collator: p.name, RelayParent: b.relayParent.Number, Slot: uint64(b.Slot), CostMs: b.cost.Seconds() * 1000,
		Extrinsics: len(b.Block.Extrinsics), Segment: b.Segment, ProofBytes: int(b.ProofBytes), SpecVersion: b.Version.SpecVersion,
		Parent: b.parent, End: b.End,
	})
	for _, r := range b.Refused {
		n.refusedTransaction(c, r, b.Block.Header.ParentHash)
	}
	n.dispatched(c, b)
	if hash, err := parachain.CodeHash(b.State, parachain.OnChain); err == nil && hash != c.code {
		c.code = hash
		n.tell(CodeApplied{block, hash})
	}
}

// makeCollation makes PoV, commitments and receipt of built blocks.
func (n *Network) makeCollation(p *paraNode, q collator.Collate) {
	c := p.chain
	parent, ok := p.Get(q.Parent)
	params := parachain.CollationParams{}
	for _, hash := range q.Blocks {
		params.Blocks = append(params.Blocks, c.blocks[hash].Built)
	}
	if ok {
		params.Parent, params.ParentState = &parent.Block.Header, parent.State
	}
	ctx := n.ctx
	blockData := sync.OnceValues(func() ([]byte, error) {
		data, err := c.Host.BlockData(ctx, params)
		if err != nil {
			return nil, err
		}
		return data.EncodeTo(nil), nil
	})
	packed := n.foreseeValidation(&q, c.blocks[q.Blocks[0]], blockData)
	n.world.Begin(world.Job{
		What:    fmt.Sprintf("collation of #%d", params.Blocks[len(params.Blocks)-1].Block.Header.Number),
		MinCost: collateTime,
		Run: func(ctx context.Context) any {
			commitments, err := c.Host.Commitments(ctx, params)
			if err != nil {
				return collator.Answered{ID: q.ID, Err: err}
			}
			data, err := blockData()
			if err != nil {
				return collator.Answered{ID: q.ID, Err: err}
			}
			pov := primitives.PoV{BlockData: parachain.CompressPoV(data)}
			packed(&pov)
			candidate, err := collator.Generate(q.Generation, pov, *commitments)
			return collator.Answered{ID: q.ID, Value: candidate, Err: err}
		},
		Done: func(r any) {
			n.foreseeImport(c, params)
			n.collate(p, r.(collator.Answered))
		},
	})
}

// submit offers a candidate to the validators of its group.
func (n *Network) submit(p *paraNode, s collator.Submit) {
	c, last := p.chain, p.chain.blocks[s.Blocks[len(s.Blocks)-1]]
	block := ParaBlock{c.id, last.Block.Header.Number, last.Hash}
	for _, hash := range s.Blocks {
		if e := n.ledger.blocks[hash]; e != nil {
			e.candidate, e.offered = s.Candidate.Hash, true
		}
	}
	if c.ExportPoV != nil {
		file := primitives.ExportedPoV{PoV: s.Candidate.PoV, Data: *s.Candidate.PVD}
		if err := c.ExportPoV(last.Hash, last.Block.Header.Number, file.EncodeTo(nil)); err != nil {
			n.fail(fmt.Errorf("export PoV of #%d: %w", last.Block.Header.Number, err))
			return
		}
	}
	n.tell(Advertised{Candidate: Candidate{block, s.Candidate.Hash}, Collator: p.name, Core: s.Candidate.Core, Group: s.Group,
		PoVBytes: len(s.Candidate.PoV.BlockData), PoVLimit: s.Candidate.PVD.MaxPoVSize})
	n.advertise(&collation{ParaBlock: block, receipt: s.Candidate.Receipt, pov: &s.Candidate.PoV, pvd: s.Candidate.PVD, parentHead: s.Candidate.ParentHead,
		relayParent: last.relayParent.Number, collator: p.name}, s.Members, validator.Peer(p.name))
}

// answer is what the relay chain says to a collator's question.
func (n *Network) answer(q collator.RelayQuery) (any, error) {
	at := func(hash hashing.Hash) (*relayBlock, error) {
		if b := n.relay[hash]; b != nil {
			return b, nil
		}
		return nil, fmt.Errorf("relay block %s is not known", hash.Short())
	}
	var hash hashing.Hash
	var ask func(b *relayBlock) (any, error)
	plain := func(f func(b *relayBlock) any) func(b *relayBlock) (any, error) {
		return func(b *relayBlock) (any, error) { return f(b), nil }
	}
	switch q := q.(type) {
	case collator.Header:
		if b := n.relay[q.Hash]; b != nil {
			return b.header, nil
		}
		return (*primitives.Header)(nil), nil
	case collator.PersistedValidationData:
		hash, ask = q.At, plain(func(b *relayBlock) any { return b.state.PersistedValidationData(q.Para, q.Assumption) })
	case collator.SessionIndexForChild:
		hash, ask = q.At, plain(func(b *relayBlock) any { return b.state.SessionIndexForChild() })
	case collator.ClaimQueue:
		hash, ask = q.At, plain(func(b *relayBlock) any { return b.state.ClaimQueue() })
	case collator.SchedulingLookahead:
		hash, ask = q.At, plain(func(b *relayBlock) any { return b.state.SchedulingLookahead() })
	case collator.ValidatorCount:
		hash, ask = q.At, plain(func(b *relayBlock) any { return len(b.state.Validators()) })
	case collator.DmqContents:
		hash, ask = q.At, plain(func(b *relayBlock) any { return b.state.DmqContents(q.Para) })
	case collator.InboundHrmpChannels:
		hash, ask = q.At, plain(func(b *relayBlock) any { return b.state.InboundHrmpChannelsContents(q.Para) })
	case collator.StorageValue:
		hash, ask = q.At, func(b *relayBlock) (any, error) {
			v, _, err := b.state.Trie().Get(q.Key, nil)
			return v, err
		}
	case collator.ProveRead:
		hash, ask = q.At, func(b *relayBlock) (any, error) { return b.state.ProveRead(q.Keys) }
	case collator.GroupForCore:
		hash, ask = q.At, plain(func(b *relayBlock) any {
			groups, rotation := b.state.ValidatorGroups()
			index, ok := rotation.GroupForCore(q.Core, b.number()+1, len(groups))
			if !ok {
				return collator.Group{}
			}
			return collator.Group{Index: index, Members: slices.Clone(groups[index])}
		})
	default:
		return nil, fmt.Errorf("unknown question %T", q)
	}
	b, err := at(hash)
	if err != nil {
		return nil, err
	}
	return ask(b)
}
