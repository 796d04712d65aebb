package txpool

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A transaction of the tests: a signed one of four bytes.
func xt(account, nonce, tip byte) []byte { return []byte{0x84, account, nonce, tip} }

func tag(account, nonce byte) []byte { return []byte{account, nonce} }

// nonces is a chain's state as the tests' runtime knows it.
type nonces [4]byte

func (n nonces) validate(x []byte) (*Valid, error) {
	account, nonce := x[1]%4, x[2]
	switch {
	case nonce < n[account]:
		return nil, &InvalidError{Kind: InvalidStale}
	case nonce > n[account]:
		return &Valid{uint64(x[3]), [][]byte{tag(account, nonce-1)}, [][]byte{tag(account, nonce)}, 64, true}, nil
	}
	return &Valid{uint64(x[3]), nil, [][]byte{tag(account, nonce)}, 64, true}, nil
}

func blockHash(n int) (h Hash) {
	h[0], h[1], h[31] = byte(n), byte(n>>8), 1
	return h
}

type block struct {
	parent int
	number uint32
	xts    [][]byte
	state  nonces
}

// bench is a pool on a chain, with a runtime that answers its checks.
type bench struct {
	pool   *Pool
	blocks []block
	best   int
	asked  []Validate
	status map[Hash][]StatusKind
	answer map[Hash]error
	now    time.Duration
}

func newBench(l Limits) *bench {
	return &bench{
		pool: New(l, blockHash(0), 0), blocks: make([]block, 1),
		status: map[Hash][]StatusKind{}, answer: map[Hash]error{},
	}
}

func (b *bench) step(in Input) {
	b.now += time.Second
	for _, o := range b.pool.Step(b.now, in) {
		switch o := o.(type) {
		case Validate:
			b.asked = append(b.asked, o)
		case Answer:
			b.answer[o.Hash] = o.Err
		case Status:
			b.status[o.Hash] = append(b.status[o.Hash], o.Kind)
		}
	}
}

// reply answers the i-th open check.
func (b *bench) reply(i int) {
	v := b.asked[i]
	b.asked = slices.Delete(b.asked, i, i+1)
	in := Validated{ID: v.ID}
	for n := range b.blocks {
		if blockHash(n) == v.At {
			in.Valid, in.Err = b.blocks[n].state.validate(v.Extrinsic)
		}
	}
	b.step(in)
}

func (b *bench) replyAll() {
	for len(b.asked) > 0 {
		b.reply(0)
	}
}

func (b *bench) submit(x []byte) error {
	b.step(Submit{Extrinsic: x, Source: External})
	b.replyAll()
	return b.answer[HashOf(x)]
}

// build adds a block on parent; transactions that do not fit are left out.
func (b *bench) build(parent int, xts ...[]byte) int {
	s := b.blocks[parent].state
	in := [][]byte{{5, byte(len(b.blocks)), byte(len(b.blocks) >> 8)}} // an inherent
	for _, x := range xts {
		if s[x[1]%4] == x[2] {
			s[x[1]%4]++
			in = append(in, x)
		}
	}
	b.blocks = append(b.blocks, block{parent, b.blocks[parent].number + 1, in, s})
	return len(b.blocks) - 1
}

func (b *bench) body(n int) Body {
	return Body{blockHash(n), blockHash(b.blocks[n].parent), b.blocks[n].xts}
}

// setBest makes a block the best one.
func (b *bench) setBest(n int) {
	in := Best{Hash: blockHash(n), Number: b.blocks[n].number}
	from, to := b.best, n
	for from != to {
		if b.blocks[from].number >= b.blocks[to].number {
			in.Retracted = append(in.Retracted, b.body(from))
			from = b.blocks[from].parent
		} else {
			in.Enacted = append(in.Enacted, b.body(to))
			to = b.blocks[to].parent
		}
	}
	slices.Reverse(in.Enacted)
	b.best = n
	b.step(in)
}

func TestOrderOfReady(t *testing.T) {
	b := newBench(DefaultLimits())
	for _, x := range [][]byte{xt(0, 0, 1), xt(0, 1, 9), xt(1, 0, 5), xt(2, 2, 9), xt(3, 0, 5)} {
		if err := b.submit(x); err != nil {
			t.Fatal(err)
		}
	}
	want := [][]byte{xt(1, 0, 5), xt(3, 0, 5), xt(0, 0, 1), xt(0, 1, 9)}
	if got := b.pool.Ready(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("ready %v, want %v", got, want)
	}
	if c := b.pool.Count(); c != (Count{4, 16, 1, 4}) {
		t.Errorf("count %+v", c)
	}
}

func TestAnswers(t *testing.T) {
	l := DefaultLimits()
	l.MaxBytes = 4
	b := newBench(l)
	b.blocks[0].state = nonces{3, 0, 0, 0}
	stale := &InvalidError{}
	for _, c := range []struct {
		x    []byte
		want any
	}{
		{xt(0, 3, 5), nil},
		{xt(0, 3, 5), ErrKnown},
		{xt(0, 3, 4), ErrPriority},
		{xt(0, 3, 5+1), nil}, // usurps
		{append(xt(0, 3, 5), 0), ErrTooLarge},
		{xt(0, 1, 1), stale},
		{xt(0, 1, 1), ErrBanned},
	} {
		err := b.submit(c.x)
		if want, _ := c.want.(error); !errors.Is(err, want) && !(want == stale && errors.As(err, &stale)) {
			t.Errorf("%v: %v, want %v", c.x, err, c.want)
		}
	}
	if got := b.status[HashOf(xt(0, 3, 5))]; !slices.Equal(got, []StatusKind{StatusReady, StatusUsurped}) {
		t.Error(got)
	}
}

// What is refused without a check is what a submission would be refused with.
func TestScreen(t *testing.T) {
	l := DefaultLimits()
	l.MaxBytes, l.Ready, l.Unchecked, l.Ban = 4, 2, 2, time.Minute
	b := newBench(l)
	b.blocks[0].state = nonces{3, 0, 0, 0}
	b.submit(xt(0, 3, 5))
	b.submit(xt(0, 1, 1)) // stale: banned
	if b.pool.Full() {
		t.Error("full with one of two")
	}
	b.submit(xt(1, 0, 5))
	if !b.pool.Full() {
		t.Error("not full with two of two")
	}
	b.step(Submit{Extrinsic: xt(2, 0, 1)})
	for _, c := range []struct {
		x    []byte
		want error
	}{
		{append(xt(0, 3, 5), 0), ErrTooLarge},
		{xt(0, 3, 5), ErrKnown},
		{xt(2, 0, 1), ErrKnown},
		{xt(0, 1, 1), ErrBanned},
		{xt(3, 0, 1), nil}, // full, but what it is worth only a check can tell
	} {
		if err := b.pool.Screen(b.now, c.x); !errors.Is(err, c.want) {
			t.Errorf("%v: %v, want %v", c.x, err, c.want)
		}
	}
	b.step(Submit{Extrinsic: xt(2, 1, 1)})
	if err := b.pool.Screen(b.now, xt(3, 0, 1)); !errors.Is(err, ErrUnchecked) {
		t.Error("as many wait for a check as may: ", err)
	}
	if err := b.pool.Screen(b.now+2*time.Minute, xt(0, 1, 1)); errors.Is(err, ErrBanned) {
		t.Error("banned for ever")
	}
}

func TestLifeOfATransaction(t *testing.T) {
	b := newBench(DefaultLimits())
	x, y := xt(0, 0, 1), xt(0, 1, 1)
	b.submit(y)
	b.submit(x)
	one := b.build(0, x, y)
	b.setBest(one)
	b.replyAll()
	two := b.build(0)
	three := b.build(two, x)
	b.setBest(three)
	b.replyAll()
	b.step(Finalized{[]Hash{blockHash(two), blockHash(three)}})
	// x is in block three as well, so it was not retracted; the first inclusion is forgotten with its block.
	if got, want := b.status[HashOf(y)], []StatusKind{StatusFuture, StatusReady, StatusInBlock, StatusRetracted, StatusReady}; !slices.Equal(got, want) {
		t.Errorf("y: %v, want %v", got, want)
	}
	if got := b.pool.Ready(); fmt.Sprint(got) != fmt.Sprint([][]byte{y}) {
		t.Errorf("ready %v", got)
	}
	four := b.build(three, y)
	b.setBest(four)
	b.step(Finalized{[]Hash{blockHash(four)}})
	if got := b.status[HashOf(y)]; !slices.Equal(got[len(got)-2:], []StatusKind{StatusInBlock, StatusFinalized}) {
		t.Errorf("y: %v", got)
	}
	if b.pool.Count() != (Count{}) {
		t.Errorf("left: %+v", b.pool.Count())
	}
}

func TestLimitsAndLongevity(t *testing.T) {
	l := DefaultLimits()
	l.Ready, l.Future = 2, 1
	b := newBench(l)
	for i, c := range []struct {
		x    []byte
		want error
	}{
		{xt(0, 0, 5), nil},
		{xt(1, 0, 6), nil},
		{xt(2, 0, 4), ErrDropped},
		{xt(2, 0, 7), nil}, // takes the place of the first
		{xt(3, 5, 1), nil},
		{xt(3, 6, 1), ErrDropped},
	} {
		if err := b.submit(c.x); !errors.Is(err, c.want) {
			t.Errorf("%d: %v, want %v", i, err, c.want)
		}
	}
	if got := b.status[HashOf(xt(0, 0, 5))]; !slices.Equal(got, []StatusKind{StatusReady, StatusDropped}) {
		t.Error(got)
	}
	for range 66 {
		b.pool.limits.Revalidate = 0 // so that nothing prolongs their time
		b.setBest(b.build(b.best))
	}
	if b.pool.Count() != (Count{}) {
		t.Errorf("left after their longevity: %+v", b.pool.Count())
	}
}

// Whatever happens, once all checks are answered the ready transactions, in their
// order, are those that the best block's state takes one after the other, and none of
// the future ones could follow.
func TestReadyIsWhatTheChainTakes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := DefaultLimits()
		l.Revalidate, l.Ban = 1000, 0
		b := newBench(l)
		draw := func(name string, max int) int { return rapid.IntRange(0, max).Draw(t, name) }
		tx := func() []byte { return xt(byte(draw("account", 3)), byte(draw("nonce", 5)), byte(draw("tip", 3))) }
		t.Repeat(map[string]func(*rapid.T){
			"submit": func(t *rapid.T) { b.step(Submit{Extrinsic: tx(), Source: External}) },
			"reply": func(t *rapid.T) {
				if len(b.asked) == 0 {
					t.Skip()
				}
				b.reply(draw("which", len(b.asked)-1))
			},
			"build": func(t *rapid.T) {
				ready := b.pool.Ready()
				ready = ready[:draw("take", len(ready))]
				if draw("foreign", 2) == 0 {
					ready = append(ready, tx())
				}
				b.setBest(b.build(b.best, ready...))
			},
			"fork": func(t *rapid.T) {
				n := draw("from", len(b.blocks)-1)
				for range 1 + draw("length", 2) {
					n = b.build(n, tx(), tx())
				}
				b.setBest(n)
			},
			"": func(t *rapid.T) {
				if draw("quiet", 2) != 0 {
					return
				}
				b.replyAll()
				state := b.blocks[b.best].state
				for _, x := range b.pool.Ready() {
					if state[x[1]%4] != x[2] {
						t.Fatalf("ready %v, but the state has %v", x, state)
					}
					state[x[1]%4]++
				}
				for _, o := range b.pool.queue.list {
					if !o.ready && state[o.xt[1]%4] == o.xt[2] {
						t.Fatalf("%v is future, but could follow: %v", o.xt, state)
					}
				}
			},
		})
	})
}

func TestDecodeValidity(t *testing.T) {
	alice := make([]byte, 36)
	raw := append([]byte{0, 0x56, 3, 0, 0, 0, 0, 0, 0, 0, 4, 0x90}, alice...)
	raw = append(raw, 0xfd, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1)
	v, err := DecodeValidity(raw)
	if err != nil || v.Priority != 854 || len(v.Requires) != 0 || len(v.Provides) != 1 || v.Longevity != 1<<64-3 || !v.Propagate {
		t.Error(v, err)
	}
	var invalid *InvalidError
	if _, err := DecodeValidity([]byte{1, 0, 3}); !errors.As(err, &invalid) || invalid.Kind != InvalidStale {
		t.Error(err)
	}
	if _, err := DecodeValidity([]byte{1, 1, 2, 77}); !errors.As(err, &invalid) || invalid.Error() != "unknown validity of transaction: custom error 77" {
		t.Error(err)
	}
	for _, bad := range [][]byte{nil, {2}, {1, 0, 13}, {1, 1, 3}, {1, 0, 7}, raw[:20], append(raw, 0)} {
		if _, err := DecodeValidity(bad); err == nil || errors.As(err, &invalid) {
			t.Errorf("%x: %v", bad, err)
		}
	}
}

func FuzzDecodeValidity(f *testing.F) {
	f.Add([]byte{1, 0, 3})
	f.Add([]byte{0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 4, 4, 9, 1, 0, 0, 0, 0, 0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := DecodeValidity(b)
		if (v == nil) == (err == nil) {
			t.Fatal(v, err)
		}
		if err != nil && err.Error() == "" {
			t.Fatal("no text")
		}
	})
}
