package store

// Event is what happens to a chain: [Imported], [Best] or [Finalized].
type Event interface{ event() }

type (
	// Imported tells of a new block; its parent has been told of, or was there.
	Imported struct{ Block *Block }
	// Best tells that another block is the best one. Retracted are the blocks that are left,
	// from the old best one down; Enacted those up to the new one, the lowest first.
	Best struct {
		Block     *Block
		Retracted []*Block
		Enacted   []*Block
	}
	// Finalized tells that blocks became final, the lowest first, and which ones lost by it,
	// in order of import.
	Finalized struct {
		Blocks []*Block
		Pruned []*Block
	}
)

func (Imported) event()  {}
func (Best) event()      {}
func (Finalized) event() {}

// View is a chain at one moment.
type View struct {
	Finalized   *Block
	Best        *Block
	Unfinalized []*Block // above the finalized one; parents come first
}

// Subscription is the ordered stream of a chain's events from the moment of its View on.
type Subscription struct {
	View View // the chain when the subscription began
	*Reader[Event]
}

// Subscribe begins a subscription that may be up to buffer events behind; one that falls
// further behind ends with [ErrSlow]. It must be closed.
func (c *Chain) Subscribe(buffer int) *Subscription {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return &Subscription{c.view(), c.events.Subscribe(buffer)}
}

// View is the chain at this moment.
func (c *Chain) View() View {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.view()
}

func (c *Chain) view() View {
	return View{Finalized: c.final[len(c.final)-1].Block, Best: c.blocks[c.best].Block, Unfinalized: c.unfinalized()}
}

// Close ends all subscriptions with [ErrClosed]. What is known can still be read.
func (c *Chain) Close() { c.events.Close() }
