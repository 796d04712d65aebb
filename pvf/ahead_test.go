package pvf

import (
	"context"
	"testing"

	"pileus/primitives"
)

// An execution on block data serves those whose PoV holds them, and no one else.
func TestAhead(t *testing.T) {
	good := (&primitives.ValidationResult{HeadData: []byte{1}}).EncodeTo(nil)
	ctx := context.Background()
	gone, cancel := context.WithCancel(ctx)
	cancel()
	data := []byte("block data")
	pov := &primitives.PoV{BlockData: compress(data)}
	type steps func(a *Ahead)
	for name, c := range map[string]struct {
		before           steps
		pov              *primitives.PoV
		after            steps
		executed, reused uint64
	}{
		"executed, then packed": {func(a *Ahead) { a.Execute(ctx); a.Packed(pov) }, pov, nil, 1, 1},
		"packed, then executed": {func(a *Ahead) { a.Packed(pov); a.Execute(ctx) }, pov, nil, 1, 1},
		"not begun in time":     {func(a *Ahead) { a.Packed(pov) }, pov, func(a *Ahead) { a.Execute(ctx) }, 1, 0},
		"stopped":               {func(a *Ahead) { a.Packed(pov); a.Execute(gone) }, pov, nil, 2, 0},
		"not packed":            {func(a *Ahead) { a.Execute(ctx) }, pov, nil, 2, 0},
		"packed as other data":  {func(a *Ahead) { a.Execute(ctx); a.Packed(&primitives.PoV{BlockData: compress([]byte("other"))}) }, &primitives.PoV{BlockData: compress([]byte("other"))}, nil, 2, 0},
		"packed as nonsense":    {func(a *Ahead) { a.Packed(&primitives.PoV{BlockData: compress(data)[:12]}); a.Execute(ctx) }, pov, nil, 2, 0},
		"another PoV":           {func(a *Ahead) { a.Execute(ctx); a.Packed(pov) }, &primitives.PoV{BlockData: []byte("other")}, nil, 2, 0},
	} {
		v := validator(t, false)
		job := candidate(t, answering(good), good)
		if _, err := v.Prepare(ctx, job.Code, job.CodeHash, 0, nil); err != nil {
			t.Fatal(err)
		}
		a := v.Ahead(*job, data)
		c.before(a)
		job.PoV = c.pov
		if _, err := v.Validate(ctx, job); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if c.after != nil {
			c.after(a)
		}
		if executed, reused := v.Counts(); executed != c.executed || reused != c.reused {
			t.Errorf("%s: %d executed, %d reused", name, executed, reused)
		}
	}
}
