// Package world gives the actors what they do not have: a clock, an ordered queue of
// what happens when, workers that run the expensive jobs, and chance from a seed.
//
// Everything that happens is an entry of one queue, ordered by (time, sequence). A
// callback runs to its end before the next one begins, so callbacks need no locks. A
// job is the exception that proves the rule: its Run executes on a worker, in parallel
// with other jobs, but what follows from it, its Done, is again an entry of the queue,
// at start + cost, in a place that was fixed when the job was begun:
//
//	callback ── Begin(job) ──► worker: Run ──► queue: (start + cost, sequence of Begin) ──► Done
//
// So a run in virtual time is the same, byte for byte, whichever worker finished first:
// the clock never passes the earliest time at which an unfinished job could be done. A
// job that learns on its way that it costs more says so ([AtLeast]), and what comes before
// need not wait for it.
//
// The same queue has two drivers. [World.Run] goes through it as fast as the machine
// allows. [World.Follow] lets a [Clock] say how far it may go, that is, the wall clock at
// some speed; the order of what happens is the same. What comes from outside, while
// either runs, comes through [World.Post] and happens between two callbacks.
package world

import (
	"container/heap"
	"context"
	"runtime"
	"sync/atomic"
	"time"
)

// Job is work for a worker. Run must depend on nothing but what it was made with: its
// result is the same whenever and wherever it runs.
type Job struct {
	What    string                         // for errors and logs: "build #42"
	Run     func(ctx context.Context) any  // on a worker
	MinCost time.Duration                  // virtual time that it takes at least, see also [AtLeast]
	Cost    func(result any) time.Duration // virtual time that it took; nil: MinCost
	Done    func(result any)               // in the queue, at start + cost
}

// World is a clock with a queue. It is driven by [World.Run] or [World.Follow]; everything
// else but [World.Post] is called from callbacks of the queue, or before the run.
type World struct {
	now   time.Duration
	seq   uint64
	queue queue

	jobs    []*running // begun, result not yet taken
	workers *workers
	results chan *running
	raised  chan struct{} // a job has said that it takes longer
	working atomic.Int64  // jobs that have not run to their end
	inbox   *inbox
	ctx     context.Context
}

type running struct {
	Job
	start  time.Duration
	seq    uint64
	result any
	least  atomic.Int64 // virtual time that it takes at least, as far as it knows
	raised chan<- struct{}
}

// earliest is when the job could be done.
func (r *running) earliest() time.Duration {
	return r.start + max(r.MinCost, time.Duration(r.least.Load()))
}

type runningKey struct{}

// AtLeast says, from a job's Run with the context that it was given, that the job takes that
// much virtual time at least, whatever its Cost will say. What it says must not depend on
// anything else than the job's result does.
func AtLeast(ctx context.Context, cost time.Duration) {
	r, ok := ctx.Value(runningKey{}).(*running)
	if !ok || int64(cost) <= r.least.Load() {
		return
	}
	r.least.Store(int64(cost))
	select {
	case r.raised <- struct{}{}:
	default:
	}
}

// New returns a world whose clock stands at start (virtual time since the Unix epoch),
// with as many workers as the machine has processors.
func New(start time.Duration) *World {
	return &World{
		now:     start,
		workers: newWorkers(max(1, runtime.GOMAXPROCS(0))),
		results: make(chan *running, 1024),
		raised:  make(chan struct{}, 1),
		inbox:   &inbox{wake: make(chan struct{}, 1)},
		ctx:     context.Background(),
	}
}

// Now is the virtual time since the Unix epoch.
func (w *World) Now() time.Duration { return w.now }

// Working tells whether jobs run or wait for a worker. It may be called from any goroutine.
func (w *World) Working() bool { return w.working.Load() > 0 }

// At lets f happen at time t, or now if t is past.
func (w *World) At(t time.Duration, f func()) {
	w.seq++
	w.push(max(t, w.now), w.seq, f)
}

// First lets f happen at time t, before everything else that happens then.
func (w *World) First(t time.Duration, f func()) { w.push(max(t, w.now), 0, f) }

// After lets f happen d from now.
func (w *World) After(d time.Duration, f func()) { w.At(w.now+d, f) }

func (w *World) push(t time.Duration, seq uint64, f func()) {
	heap.Push(&w.queue, entry{t, seq, f})
}

// Begin starts a job now.
func (w *World) Begin(j Job) {
	w.seq++
	r := &running{Job: j, start: w.now, seq: w.seq, raised: w.raised}
	w.jobs = append(w.jobs, r)
	ctx := context.WithValue(w.ctx, runningKey{}, r)
	w.working.Add(1)
	w.workers.do(func() {
		r.result = r.Run(ctx)
		w.working.Add(-1)
		w.results <- r
	})
}

// Run lets the world go on until the clock reaches the given time, the queue is empty,
// or ctx ends; its error is that of ctx. What lies at until itself still happens.
// Jobs still running then are waited for: when the time is up, their results stay for the
// next Run; when ctx ends, they are lost.
func (w *World) Run(ctx context.Context, until time.Duration) error {
	w.ctx = ctx
	defer w.drain()
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		w.serve(w.now)
		if !w.settle(until) {
			for len(w.jobs) > 0 && ctx.Err() == nil {
				w.take(<-w.results)
			}
			w.now = max(w.now, until)
			return ctx.Err()
		}
		if err := ctx.Err(); err != nil {
			return err // a job that was waited for may have ended because of it
		}
		w.pop()
	}
}

// pop lets the next entry happen.
func (w *World) pop() {
	e := heap.Pop(&w.queue).(entry)
	w.now = max(w.now, e.at)
	e.f()
}

// settle waits for every job that could be done at or before the next entry, and tells
// whether there is an entry not later than until.
func (w *World) settle(until time.Duration) bool {
	for {
		next := until
		if len(w.queue) > 0 {
			next = min(next, w.queue[0].at)
		}
		if !w.waitsFor(next) {
			return len(w.queue) > 0 && w.queue[0].at <= until
		}
		select {
		case r := <-w.results:
			w.take(r)
		case <-w.raised:
		}
	}
}

// waitsFor tells whether an unfinished job could be done at or before t.
func (w *World) waitsFor(t time.Duration) bool {
	for _, r := range w.jobs {
		if r.earliest() <= t {
			return true
		}
	}
	return false
}

// take puts a finished job's Done into the queue.
func (w *World) take(r *running) {
	for i, o := range w.jobs {
		if o == r {
			w.jobs = append(w.jobs[:i], w.jobs[i+1:]...)
			break
		}
	}
	done := r.earliest()
	if r.Cost != nil {
		done = max(done, r.start+r.Cost(r.result))
	}
	w.push(done, r.seq, func() { r.Done(r.result) })
}

func (w *World) drain() {
	defer w.workers.letGo()
	for len(w.jobs) > 0 {
		r := <-w.results
		for i, o := range w.jobs {
			if o == r {
				w.jobs = append(w.jobs[:i], w.jobs[i+1:]...)
				break
			}
		}
	}
}

// entry is something that happens at a time.
type entry struct {
	at  time.Duration
	seq uint64
	f   func()
}

// queue is a heap by (time, sequence).
type queue []entry

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].seq < q[j].seq
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(entry)) }
func (q *queue) Pop() any {
	old := *q
	e := old[len(old)-1]
	old[len(old)-1] = entry{}
	*q = old[:len(old)-1]
	return e
}
