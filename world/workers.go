package world

import "sync"

// workers run jobs, each as long as there are any or until they are let go. They stay
// between jobs because a job's stack grows deep, and a new goroutine would have to grow its
// own, copying it several times.
type workers struct {
	mu     sync.Mutex
	wake   *sync.Cond
	limit  int
	number int // of those that there are
	idle   int // of those that wait
	jobs   []func()
	left   int // how often they were let go
}

func newWorkers(limit int) *workers {
	w := &workers{limit: limit}
	w.wake = sync.NewCond(&w.mu)
	return w
}

// do lets a worker run f when one is free.
func (w *workers) do(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.jobs = append(w.jobs, f)
	switch {
	case w.idle > 0:
		w.idle--
		w.wake.Signal()
	case w.number < w.limit:
		w.number++
		go w.work(w.left)
	}
}

// letGo ends the workers that wait, and the others when their jobs are done.
func (w *workers) letGo() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.left++
	w.number, w.idle = 0, 0
	w.wake.Broadcast()
}

func (w *workers) work(left int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.left == left {
		if len(w.jobs) == 0 {
			w.idle++
			w.wake.Wait() // whoever wakes it counts it out
			continue
		}
		f := w.jobs[0]
		w.jobs[0] = nil
		w.jobs = w.jobs[1:]
		w.mu.Unlock()
		f()
		w.mu.Lock()
	}
}
