package pipeline

import (
	"context"
	"fmt"
	"sync"
	"time"

	"pileus/collator"
	"pileus/parachain"
	"pileus/primitives"
	"pileus/pvf"
	"pileus/world"
)

// foreseeImport begins the import of a block that is a candidate of its own, before the
// chain's other nodes ask for it. Its result does not depend on when it is made; one that
// nobody asks for is only lost time.
func (n *Network) foreseeImport(c *chain, params parachain.CollationParams) {
	if n.cfg.ExecuteAll || len(params.Blocks) != 1 || params.Parent == nil || len(c.nodes) == 1 {
		return
	}
	built := params.Blocks[0]
	if c.executed[built.Hash] != nil {
		return
	}
	shared := &execution{}
	c.executed[built.Hash] = shared
	job := parachain.ExecuteParams{Parent: params.Parent, ParentState: params.ParentState, Block: &built.Block, Now: uint64(n.world.Now() / time.Millisecond)}
	n.world.Begin(world.Job{
		What:    fmt.Sprintf("import #%d", built.Block.Header.Number),
		MinCost: gossip.from + c.cost(built.Weight), // nobody asks for the result earlier
		Run:     func(ctx context.Context) any { shared.run(ctx, c.Host, job); return nil },
		Done:    func(any) {},
	})
}

// foreseeValidation begins the one real execution of a block's candidate as soon as the
// block is built, as [Network.foreseeImport] does for its import. What it returns is told the
// PoV of the block data.
func (n *Network) foreseeValidation(q *collator.Collate, b *builtBlock, data func() ([]byte, error)) (packed func(*primitives.PoV)) {
	packed = func(*primitives.PoV) {}
	if n.cfg.ExecuteAll || len(q.Blocks) != 1 {
		return packed
	}
	g := &q.Generation
	at := n.relay[g.RelayParent]
	if at == nil {
		return packed
	}
	params := at.state.ExecutorParams(at.state.SessionIndexForChild())
	code := at.state.ValidationCodeByHash(g.ValidationCodeHash)
	if code == nil || b.cost > params.BackingTimeout() {
		return packed
	}
	ahead := sync.OnceValue(func() *pvf.Ahead {
		data, err := data()
		if err != nil {
			return nil // the collator is told
		}
		return n.cfg.PVF.Ahead(pvf.Job{
			Code: code, CodeHash: g.ValidationCodeHash, CodeLimit: at.state.Config().MaxCodeSize * 10, Executor: params,
			ParentHead: g.ParentHead, RelayParentNumber: g.PVD.RelayParentNumber, RelayParentStorageRoot: g.PVD.RelayParentStorageRoot,
		}, data)
	})
	n.world.Begin(world.Job{
		What:    fmt.Sprintf("validate the candidate of #%d", b.Block.Header.Number),
		MinCost: collateTime + collationFetch.from + b.cost,
		Run: func(ctx context.Context) any {
			if a := ahead(); a != nil {
				a.Execute(ctx)
			}
			return nil
		},
		Done: func(any) {},
	})
	return func(pov *primitives.PoV) {
		if a := ahead(); a != nil {
			a.Packed(pov)
		}
	}
}
