package dev

import (
	"context"
	"errors"
	"testing"

	"pileus/txpool"
)

// Who finds no free checker waits for one, unless it may not or too many wait already.
func TestCheckersAreBounded(t *testing.T) {
	c, n, ctx := newChecks(), &Node{done: make(chan struct{})}, t.Context()
	for range cap(c.checkers) {
		if err := c.begin(ctx, n, false); err != nil {
			t.Fatal("a checker is free:", err)
		}
	}
	if err := c.begin(ctx, n, false); !errors.Is(err, txpool.ErrUnchecked) {
		t.Error("it may not wait:", err)
	}
	began := make(chan error)
	waiting, cancel := context.WithCancel(ctx)
	limit := txpool.DefaultLimits().Unchecked
	for range limit {
		go func() { began <- c.begin(waiting, n, true) }()
	}
	for c.waiting.Load() < int64(limit) {
		select {
		case err := <-began:
			t.Fatal("it did not wait:", err)
		default:
		}
	}
	if err := c.begin(ctx, n, true); !errors.Is(err, txpool.ErrUnchecked) {
		t.Error("too many wait:", err)
	}
	<-c.checkers
	if err := <-began; err != nil {
		t.Error("a checker became free:", err)
	}
	cancel()
	for range limit - 1 {
		if err := <-began; !errors.Is(err, context.Canceled) {
			t.Error("it was given up:", err)
		}
	}
	close(n.done)
	if err := c.begin(ctx, n, true); !errors.Is(err, ErrStopped) {
		t.Error("the node has stopped:", err)
	}
	if c.waiting.Load() != 0 {
		t.Error(c.waiting.Load(), "still wait")
	}
}
