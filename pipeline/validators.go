package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unsafe"

	"pileus/erasure"
	"pileus/hashing"
	"pileus/primitives"
	"pileus/pvf"
	"pileus/validator"
	"pileus/world"
)

// node is one validator of the relay chain with its key. Its index is its place among the
// authorities; that in a session is another one ([Network.validatorAt]).
type node struct {
	*validator.Node
	index  primitives.ValidatorIndex
	signer Signer
}

// Signer signs with a validator's session key.
type Signer interface {
	Public() [32]byte
	Sign(msg []byte) [64]byte
}

// collation is what a collator serves to validators.
type collation struct {
	ParaBlock
	receipt     primitives.CandidateReceipt
	pov         *primitives.PoV
	pvd         *primitives.PersistedValidationData
	parentHead  []byte
	relayParent uint32
	collator    string
}

// schedulingParent of candidates of version 1 and 2 is the relay parent.
func (c *collation) schedulingParent() primitives.Hash {
	if c.receipt.Descriptor.Version() == primitives.DescriptorV3 {
		return c.receipt.Descriptor.SchedulingParent()
	}
	return c.receipt.Descriptor.RelayParent()
}

// step tells a validator what happened and does what it wants done.
func (n *Network) step(v *node, in validator.Input) {
	if n.offline(v.index) {
		return
	}
	for _, out := range v.Step(n.world.Now(), in) {
		n.carryOut(v, out)
	}
}

func (n *Network) offline(v primitives.ValidatorIndex) bool {
	return n.cfg.Faults.Offline != nil && n.cfg.Faults.Offline(v, n.best.number())
}

// later tells a validator what happened after d.
func (n *Network) later(d time.Duration, v *node, in validator.Input) {
	n.world.After(d, func() { n.step(v, in) })
}

func (n *Network) carryOut(v *node, out validator.Output) {
	switch out := out.(type) {
	case validator.SetTimer:
		n.world.At(out.At, func() { n.step(v, validator.Timer{Key: out.Key}) })
	case validator.FetchCollation:
		n.fetchCollation(v, out)
	case validator.FetchPoV:
		n.fetchPoV(v, out)
	case validator.FetchChunk:
		n.fetchChunk(v, out)
	case validator.Validate:
		n.validate(v, out)
	case validator.Gossip:
		n.gossip(v, out)
	case validator.Propose:
		n.propose(v, out)
	case validator.Note:
		n.note(v, out)
	}
}

var errGone = errors.New("nobody serves it any more")

// fetchCollation asks the collator.
func (n *Network) fetchCollation(v *node, f validator.FetchCollation) {
	c := n.collations[f.CandidateHash]
	if c == nil {
		n.later(n.between(roundTrip), v, validator.CollationFetched{ID: f.ID, Err: errGone})
		return
	}
	n.later(n.between(collationFetch)+fetchTime(len(c.pov.BlockData)), v,
		validator.CollationFetched{ID: f.ID, Receipt: c.receipt, PoV: c.pov, ParentHead: c.parentHead})
}

// fetchPoV asks the validator that made a statement about the candidate.
func (n *Network) fetchPoV(v *node, f validator.FetchPoV) {
	var pov *primitives.PoV
	if from := n.validatorAt(f.Session, f.From); from != nil && !n.offline(from.index) {
		pov = from.PoV(f.CandidateHash)
	}
	if pov == nil {
		n.later(n.between(roundTrip), v, validator.PoVFetched{ID: f.ID, Err: errGone})
		return
	}
	n.later(n.between(roundTrip)+fetchTime(len(pov.BlockData)), v, validator.PoVFetched{ID: f.ID, PoV: pov})
}

// fetchChunk asks the validators of the group, one after the other.
func (n *Network) fetchChunk(v *node, f validator.FetchChunk) {
	var chunk *erasure.Chunk
	for _, i := range f.From {
		if from := n.validatorAt(f.Session, i); from != nil && !n.offline(from.index) {
			if chunk = from.Chunk(f.CandidateHash, f.Index); chunk != nil {
				break
			}
		}
	}
	if chunk == nil {
		chunk = n.savedChunk(f)
	}
	if chunk == nil {
		n.later(n.between(roundTrip), v, validator.ChunkFetched{ID: f.ID, Err: errGone})
		return
	}
	n.later(n.between(roundTrip)+fetchTime(len(chunk.Data)), v, validator.ChunkFetched{ID: f.ID, Chunk: chunk})
}

// validate executes a candidate. It takes as long as its block took to build; above the
// timeout it times out, whatever this machine's clock says.
func (n *Network) validate(v *node, job validator.Validate) {
	cost := n.costOf(job.Receipt.Descriptor.ParaHead())
	if cost > job.Timeout {
		n.later(job.Timeout, v, validator.Validated{ID: job.ID, Elapsed: job.Timeout, Err: &validator.ExecutionError{
			Reason: validator.ExecutionTimeout, Detail: fmt.Sprintf("the block takes %v, backers stop at %v", cost, job.Timeout)}})
		return
	}
	n.world.Begin(world.Job{
		What:    fmt.Sprintf("validate candidate %s", job.Receipt.Hash().Short()),
		MinCost: cost,
		Run: func(ctx context.Context) any {
			result, err := n.cfg.PVF.Validate(ctx, &pvf.Job{
				Code: job.Code, CodeHash: job.CodeHash, CodeLimit: job.CodeBombLimit, Executor: job.ExecutorParams,
				ParentHead: job.PVD.ParentHead, PoV: job.PoV, RelayParentNumber: job.PVD.RelayParentNumber, RelayParentStorageRoot: job.PVD.RelayParentStorageRoot,
			})
			return validator.Validated{ID: job.ID, Result: result, Elapsed: cost, Err: executionError(err)}
		},
		Done: func(result any) { n.step(v, result.(validator.Validated)) },
	})
}

// split is available data, erasure-coded.
type split struct {
	root   primitives.Hash
	chunks []erasure.Chunk
}

// splitKey is equal for equal data: nobody writes to a PoV once it is made, so the same
// place in memory holds the same.
type splitKey struct {
	pov        *byte
	size       int
	data       primitives.Hash // persisted validation data
	validators int
}

// split erasure-codes available data, once for all the validators that keep it.
func (n *Network) split(validators int, data *primitives.AvailableData) (primitives.Hash, []erasure.Chunk, error) {
	pov := data.PoV.BlockData
	key := splitKey{unsafe.SliceData(pov), len(pov), data.ValidationData.Hash(), validators}
	if known := n.splits[key]; known != nil {
		return known.root, known.chunks, nil
	}
	root, chunks, err := erasure.Split(validators, data.EncodeTo(nil))
	if err == nil {
		n.splits[key] = &split{root, chunks}
	}
	return root, chunks, err
}

// costOf is the virtual time that the block with this head hash takes.
func (n *Network) costOf(head primitives.Hash) time.Duration {
	for _, c := range n.chains {
		if b := c.blocks[head]; b != nil {
			return b.cost
		}
	}
	return minBlockCost
}

// executionError says in the validator's terms why an execution has no result.
func executionError(err error) error {
	var invalid *pvf.Error
	if !errors.As(err, &invalid) {
		return err
	}
	reason := map[pvf.Stage]validator.Reason{pvf.CodeDecompression: validator.CodeDecompressionFailure, pvf.Preparation: validator.CodePreparation,
		pvf.PoVDecompression: validator.PoVDecompressionFailure, pvf.Execution: validator.InvalidExecution}[invalid.Stage]
	if invalid.Timeout() {
		reason = validator.ExecutionTimeout
	}
	return &validator.ExecutionError{Reason: reason, Detail: invalid.Error()}
}

// gossip brings a statement or a bitfield to all other validators.
func (n *Network) gossip(from *node, g validator.Gossip) {
	if g.Bitfield != nil && n.cfg.Faults.Bitfield != nil && !n.cfg.Faults.Bitfield(from.index, n.best.number(), g.Bitfield) {
		return
	}
	var late time.Duration
	if g.Statement != nil && n.cfg.Faults.Statement != nil {
		var ok bool
		if late, ok = n.cfg.Faults.Statement(from.index, g.Statement); !ok {
			return
		}
	}
	for _, v := range n.validators {
		if v == from {
			continue
		}
		var in validator.Input
		if g.Statement != nil {
			in = validator.StatementReceived{Statement: *g.Statement}
		} else {
			in = *g.Bitfield
		}
		n.later(late+n.between(gossip), v, in)
	}
}

// advertise offers a collation to the validators of a group, which are those of the
// scheduling parent's session, whatever the descriptor says.
func (n *Network) advertise(c *collation, group []primitives.ValidatorIndex, from validator.Peer) {
	hash := c.receipt.Hash()
	n.collations[hash] = c
	session := n.best.state.SessionIndexForChild()
	if sp := n.relay[c.schedulingParent()]; sp != nil {
		session = sp.state.SessionIndexForChild()
	}
	for _, i := range group {
		v := n.validatorAt(session, i)
		if v == nil {
			continue
		}
		n.later(n.between(gossip), v, validator.Advertised{
			From: from, Para: c.Para, SchedulingParent: c.schedulingParent(),
			ParentHeadHash: hashing.Blake2b256(c.parentHead), CandidateHash: hash,
		})
	}
}

// note turns what a validator tells into events, each once.
func (n *Network) note(v *node, note validator.Note) {
	c := n.collations[note.Candidate]
	if c == nil {
		return
	}
	cand := Candidate{c.ParaBlock, note.Candidate}
	switch note.Kind {
	case validator.NoteSeconded:
		n.tell(Seconded{cand, v.index})
	case validator.NoteBackable:
		if n.once("backable", note.Candidate) {
			n.tell(Backable{cand})
		}
	case validator.NoteRefused:
		n.ledger.each(note.Candidate, func(e *entry) { e.detail = note.String() })
		if n.once(string(note.Reason), note.Candidate) {
			n.tell(Declined{cand, v.index, string(note.Reason), note.Detail})
		}
	}
}

// once tells whether this is the first time since the last pruning.
func (n *Network) once(what string, c primitives.CandidateHash) bool {
	key := what + string(c[:])
	first := !n.seen[key]
	n.seen[key] = true
	return first
}
