package relay

import (
	"fmt"
	"testing"

	"pileus/primitives"
)

// go test -run '^$' -bench . ./relay
func BenchmarkEmptyBlock(b *testing.B) {
	for _, paras := range []int{1, 8} {
		b.Run(fmt.Sprintf("author_and_import_%d_paras", paras), func(b *testing.B) {
			var ids []primitives.ParaID
			for i := range paras {
				ids = append(ids, alpha+primitives.ParaID(i))
			}
			c := newChain(b, testGenesis(5, ids...))
			b.ReportAllocs()
			for b.Loop() {
				c.next(primitives.ParachainsInherentData{})
				c.tips = c.tips[len(c.tips)-1:]
			}
		})
	}
}

// A block that includes one candidate and backs the next, with the bitfields of all five validators.
func BenchmarkFullBlock(b *testing.B) {
	c := newChain(b, testGenesis(5, alpha))
	c.empty(3)
	head := c.best().state.Head(alpha)
	c.next(backing(c.candidate(candidateSpec{para: alpha, relayParent: c.best(), parentHead: head, head: []byte{1}})))
	head = []byte{1}
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		if c.best().state.SessionIndexForChild() != c.tips[0].state.SessionIndexForChild() {
			b.Fatal("the session ended")
		}
		next := candidateSpec{para: alpha, relayParent: c.best(), parentHead: head, head: append([]byte{1}, head[:1]...)}
		next.head[0] = head[0] + 1
		data := primitives.ParachainsInherentData{Bitfields: c.available(5), Backed: []primitives.BackedCandidate{c.candidate(next)}}
		head = next.head
		b.StartTimer()
		c.next(data)
	}
}
