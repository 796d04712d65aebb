package world

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestOrderIsTimeThenSequence(t *testing.T) {
	w := New(10 * time.Second)
	var got []string
	note := func(s string) func() {
		return func() { got = append(got, fmt.Sprintf("%s@%v", s, w.Now())) }
	}
	w.After(2*time.Second, note("c"))
	w.After(time.Second, note("a"))
	w.After(time.Second, note("b"))
	w.At(time.Second, note("past"))
	if err := w.Run(context.Background(), 12*time.Second); err != nil {
		t.Fatal(err)
	}
	want := []string{"past@10s", "a@11s", "b@11s", "c@12s"}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// A job that takes long in reality but little virtual time is done before what happens later.
func TestClockWaitsForJobs(t *testing.T) {
	w := New(0)
	var got []string
	w.Begin(Job{
		Run:  func(context.Context) any { time.Sleep(20 * time.Millisecond); return 3 },
		Cost: func(r any) time.Duration { return time.Duration(r.(int)) * time.Second },
		Done: func(r any) { got = append(got, fmt.Sprint("done ", r, " ", w.Now())) },
	})
	w.After(2*time.Second, func() { got = append(got, "two") })
	w.After(4*time.Second, func() { got = append(got, "four") })
	if err := w.Run(context.Background(), time.Minute); err != nil {
		t.Fatal(err)
	}
	if want := []string{"two", "done 3 3s", "four"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	w := New(0)
	ctx, cancel := context.WithCancel(context.Background())
	var tick func()
	n := 0
	tick = func() {
		if n++; n == 5 {
			cancel()
		}
		w.After(time.Second, tick)
	}
	w.After(0, tick)
	if err := w.Run(ctx, time.Hour); !errors.Is(err, context.Canceled) || n != 5 {
		t.Errorf("error %v after %d ticks", err, n)
	}
}

// The order of a random history does not depend on how long jobs really take.
func TestJobsAreReproducible(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		costs := rapid.SliceOfN(rapid.IntRange(0, 5), 1, 12).Draw(t, "costs")
		sleeps := rapid.SliceOfN(rapid.IntRange(0, 300), len(costs), len(costs)).Draw(t, "sleeps")
		run := func(sleep bool) (log []string) {
			w := New(0)
			for i, c := range costs {
				w.At(time.Duration(i/3)*time.Second, func() {
					w.Begin(Job{
						Run: func(ctx context.Context) any {
							for least := range c + 1 {
								if sleep {
									time.Sleep(time.Duration(sleeps[i]) * time.Microsecond)
								}
								AtLeast(ctx, time.Duration(least)*time.Second)
							}
							return c
						},
						Cost: func(any) time.Duration { return time.Duration(c) * time.Second },
						Done: func(any) { log = append(log, fmt.Sprint(i, w.Now())) },
					})
				})
			}
			w.Run(context.Background(), time.Hour)
			return log
		}
		if a, b := run(false), run(true); !slices.Equal(a, b) {
			t.Fatalf("%v, then %v", a, b)
		}
	})
}

func TestChanceDependsOnSeedAndPurpose(t *testing.T) {
	draw := func(seed uint64, purpose string) uint64 { return NewChance(seed, purpose).Uint64() }
	if draw(1, "a") != draw(1, "a") || draw(1, "a") == draw(2, "a") || draw(1, "a") == draw(1, "b") {
		t.Error("chance is not a function of seed and purpose")
	}
	c := NewChance(7, "latency")
	for range 1000 {
		if d := c.Between(time.Second, 2*time.Second); d < time.Second || d > 2*time.Second || d%time.Millisecond != 0 {
			t.Fatal(d)
		}
	}
}

// A job that ends because the run was stopped is not taken for a job that failed.
func TestStoppedJobsAreNotDone(t *testing.T) {
	for range 200 {
		ctx, cancel := context.WithCancel(context.Background())
		w, done := New(0), false
		w.After(0, func() {
			w.Begin(Job{
				Run:  func(ctx context.Context) any { cancel(); <-ctx.Done(); return nil },
				Done: func(any) { done = true },
			})
		})
		if err := w.Run(ctx, time.Hour); !errors.Is(err, context.Canceled) || done {
			t.Fatalf("%v; what a stopped job said was taken in: %v", err, done)
		}
	}
}

// What comes before the time that a job takes at least need not wait for its end; what comes
// then does, and the job takes that long.
func TestAJobSaysHowLongItTakesAtLeast(t *testing.T) {
	w := New(0)
	var log []string
	reached, end := make(chan struct{}), make(chan struct{})
	w.After(0, func() {
		if w.Working() {
			t.Error("working before it began")
		}
		w.Begin(Job{
			Run: func(ctx context.Context) any {
				AtLeast(ctx, time.Second)
				<-reached
				AtLeast(ctx, 3*time.Second)
				AtLeast(ctx, 2*time.Second) // says nothing new
				<-end
				return nil
			},
			Done: func(any) { log = append(log, fmt.Sprint("done ", w.Now())) },
		})
	})
	for i := range 4 {
		w.At(time.Duration(i)*time.Second+time.Second/2, func() {
			log = append(log, fmt.Sprint(w.Now()))
			if w.Working() != (i < 3) {
				t.Error("working at", w.Now(), w.Working())
			}
			switch i {
			case 0:
				close(reached)
			case 2:
				close(end)
			}
		})
	}
	if err := w.Run(t.Context(), time.Minute); err != nil {
		t.Fatal(err)
	}
	if want := []string{"500ms", "1.5s", "2.5s", "done 3s", "3.5s"}; !slices.Equal(log, want) {
		t.Errorf("%v, want %v", log, want)
	}
	AtLeast(t.Context(), time.Hour) // no job: nothing
}

// A run that goes on after its time was up goes on with the jobs that were under way.
func TestJobsOutliveTheirRun(t *testing.T) {
	w, done := New(0), time.Duration(0)
	w.After(0, func() {
		w.Begin(Job{MinCost: 3 * time.Second, Run: func(context.Context) any { return nil }, Done: func(any) { done = w.Now() }})
	})
	for range 4 {
		if err := w.Run(context.Background(), w.Now()+time.Second); err != nil {
			t.Fatal(err)
		}
	}
	if done != 3*time.Second {
		t.Errorf("the job was done at %v", done)
	}
}

// Jobs run side by side however they are begun, no more at once than there are workers,
// and the workers are gone after the run.
func TestWorkers(t *testing.T) {
	before := runtime.NumGoroutine()
	w := New(0)
	w.workers = newWorkers(3)
	var now, most atomic.Int64
	note := func(n int64) { // the most that there were
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
		}
	}
	met := make(chan struct{}) // two can only meet if they run side by side
	job := func() {
		w.Begin(Job{Run: func(context.Context) any {
			note(now.Add(1))
			time.Sleep(time.Millisecond)
			now.Add(-1)
			return nil
		}, Done: func(any) {}})
	}
	for i := range 20 {
		w.At(time.Duration(i)*time.Second, func() { job(); job(); job(); job() })
		w.At(time.Duration(i)*time.Second+time.Millisecond, func() {
			w.Begin(Job{Run: func(context.Context) any { met <- struct{}{}; return nil }, Done: func(any) {}})
			w.Begin(Job{Run: func(context.Context) any { <-met; return nil }, Done: func(any) {}})
		})
	}
	for i := range 2 {
		if err := w.Run(context.Background(), time.Duration(i+1)*10*time.Second); err != nil {
			t.Fatal(err)
		}
	}
	if most.Load() > 3 || most.Load() < 2 {
		t.Errorf("%d jobs at once", most.Load())
	}
	for range 100 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), before)
}
