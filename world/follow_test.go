package world

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"
)

// history lets a world with jobs, timers and ties happen, driven by run, and tells what happened.
func history(run func(w *World)) (log []string) {
	w := New(0)
	note := func(what string) { log = append(log, fmt.Sprint(what, w.Now())) }
	for i := range 20 {
		at := time.Duration(i/2) * 100 * time.Millisecond
		w.At(at, func() {
			note(fmt.Sprint("at ", i, " "))
			w.Begin(Job{
				MinCost: 10 * time.Millisecond,
				Run:     func(context.Context) any { time.Sleep(time.Duration(i*7%5) * time.Millisecond); return i },
				Cost:    func(r any) time.Duration { return time.Duration(10+r.(int)*13%40) * time.Millisecond },
				Done:    func(r any) { note(fmt.Sprint("job ", r, " ")) },
			})
		})
		w.First(at, func() { note("first ") })
	}
	run(w)
	return log
}

// What is paced by a clock happens as it does in virtual time.
func TestFollowingAClockChangesNothing(t *testing.T) {
	virtual := history(func(w *World) { _ = w.Run(context.Background(), 2*time.Second) })
	paced := history(func(w *World) {
		ctx, cancel := context.WithCancel(context.Background())
		w.At(2*time.Second, cancel)
		c := NewClock(0)
		c.SetSpeed(20)
		if err := w.Follow(ctx, c); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	if !slices.Equal(virtual, paced) {
		t.Errorf("virtual: %v\npaced: %v", virtual, paced)
	}
}

func TestTheClockIsFollowed(t *testing.T) {
	w, c := New(time.Hour), NewClock(time.Hour)
	ctx, cancel := context.WithCancel(context.Background())
	began := time.Now()
	var took time.Duration
	c.SetSpeed(10)
	w.After(time.Second, func() { took = time.Since(began); cancel() })
	_ = w.Follow(ctx, c)
	if took < 100*time.Millisecond {
		t.Errorf("a second at speed 10 took %v", took)
	}
}

// A clock that stands lets nothing happen but what is posted; put forward, it lets happen
// all up to there.
func TestAClockThatStands(t *testing.T) {
	w, c := New(0), NewClock(0)
	ctx, cancel := context.WithCancel(context.Background())
	var got []string
	for i := range 5 {
		w.At(time.Duration(i+1)*time.Minute, func() { got = append(got, fmt.Sprint(w.Now())) })
	}
	ended := make(chan error)
	go func() { ended <- w.Follow(ctx, c) }()
	ask := func(f func()) {
		happened := make(chan struct{})
		w.Post(func() { f(); close(happened) })
		<-happened
	}
	ask(func() { got = append(got, "posted at "+w.Now().String()) })
	reached := make(chan struct{})
	ask(func() { c.Advance(3 * time.Minute); w.At(3*time.Minute, func() { close(reached) }) })
	<-reached
	ask(func() { got = append(got, "posted at "+w.Now().String()) })
	cancel()
	<-ended
	want := []string{"posted at 0s", "1m0s", "2m0s", "3m0s", "posted at 3m0s"}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// What takes longer than the clock gives it happens late, at its own virtual time, and is measured.
func TestLatenessIsMeasured(t *testing.T) {
	w, c := New(0), NewClock(0)
	ctx, cancel := context.WithCancel(context.Background())
	var worst, shifted time.Duration
	c.Late = func(d time.Duration) { worst = max(worst, d) }
	c.MaxLate, c.Shifted = 30*time.Millisecond, func(d time.Duration) { shifted += d }
	c.SetSpeed(1)
	w.At(5*time.Millisecond, func() { time.Sleep(60 * time.Millisecond) })
	w.At(10*time.Millisecond, func() {
		if w.Now() != 10*time.Millisecond {
			t.Errorf("it happens at %v", w.Now())
		}
		cancel()
	})
	_ = w.Follow(ctx, c)
	if worst < 50*time.Millisecond || shifted < 50*time.Millisecond {
		t.Errorf("late by %v, shifted by %v", worst, shifted)
	}
}
