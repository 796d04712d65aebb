package pvf

import (
	"bytes"
	"context"

	"pileus/executor"
	"pileus/primitives"
)

// Ahead is an execution on block data whose PoV is not made yet. It begins while the data are
// compressed; its result is that of jobs whose PoV unpacks to the same data:
//
//	block data ─┬─► Execute ─────────────────────────► result
//	            └─► compress ─► PoV ─► Packed: the same data? ─┘► Validate of equal jobs
type Ahead struct {
	v    *Validator
	job  Job // without its PoV
	data []byte
	run  *running
}

// Ahead returns the execution of a job, whose PoV is left out, on unpacked block data.
func (v *Validator) Ahead(job Job, data []byte) *Ahead {
	return &Ahead{v: v, job: job, data: data, run: &running{done: make(chan struct{})}}
}

// Execute does it, unless an equal job has begun to.
func (a *Ahead) Execute(ctx context.Context) {
	if a.run.begin() {
		a.v.executed.Add(1)
		a.run.end(a.v.executeOn(ctx, &a.job, func() ([]byte, error) { return a.data, nil }))
	}
}

// Packed says that the data are in this PoV. If it unpacks to others, nothing follows.
func (a *Ahead) Packed(pov *primitives.PoV) {
	data, err := executor.Decompress(pov.BlockData, PoVBombLimit)
	if err != nil || !bytes.Equal(data, a.data) {
		return
	}
	job := a.job
	job.PoV = pov
	a.v.keep(job.key(), a.run)
}
