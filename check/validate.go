package check

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"pileus/executor"
	"pileus/hashing"
	"pileus/metadata"
	"pileus/parachain"
	"pileus/primitives"
)

// metadata is that of the runtime.
func (p *prober) metadata() (*metadata.Metadata, error) {
	code, err := p.host.CodeAt(p.ctx, p.chain.State, parachain.OnChain)
	if err != nil {
		return nil, err
	}
	return code.Metadata(p.ctx)
}

// validate makes collations of built blocks and runs validate_block on them, as
// validators do: of a block at the start of its slot, and of one at the end of it. A node
// has built both; what validate_block refuses beyond is a check of its own.
func (p *prober) validate() {
	p.seen.Validated, p.seen.ValidateWords = p.validateAt("validate", "validate_block of a built block", 0)
	if p.broken == nil && p.seen.Validated == Yes && p.seen.SlotMsProven == Yes {
		p.seen.ValidatedLate, _ = p.validateAt("validate.late", "validate_block of a block at the last millisecond of its slot", p.slotMs-1)
	}
}

func (p *prober) validateAt(name, did string, after uint64) (Answer, string) {
	relay := p.relay(0, p.genesis())
	millis := p.paraTime(relay) + after
	t, err := p.build(attempt{on: p.genesis(), relay: relay, time: &millis})
	if err != nil {
		return Unknown, ""
	}
	collation, err := p.host.Collation(p.ctx, parachain.CollationParams{Parent: &p.chain.Genesis, ParentState: p.chain.State, Blocks: []*parachain.Built{t.built}})
	if err != nil {
		p.note(name, did, err, "")
		return No, err.Error()
	}
	if p.chain.Facts.SchedulingV3 {
		p.note(name, did, nil, "not tried: the runtime demands candidates of version 3")
		return Unknown, ""
	}
	result, err := p.execute(&collation.PoV, relay)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		p.broken = fmt.Errorf("validate_block was stopped after %v", p.patience)
		return Unknown, ""
	case err != nil:
		p.note(name, did, err, "")
		return No, parachain.Words(err)
	}
	p.note(name, did, nil, "")
	if after == 0 {
		p.seen.Differs = differs(&collation.Commitments, result)
	}
	return Yes, ""
}

func (p *prober) execute(pov *primitives.PoV, relay relayParent) (*primitives.ValidationResult, error) {
	ctx, stop := context.WithTimeout(p.ctx, p.patience)
	defer stop()
	code, err := p.host.CodeAt(ctx, p.chain.State, parachain.OnChain)
	if err != nil {
		return nil, err
	}
	data, err := executor.Decompress(pov.BlockData, primitives.PoVBombLimit)
	if err != nil {
		return nil, err
	}
	return code.ValidateBlock(ctx, primitives.ValidationParams{
		ParentHead: p.chain.Head(), BlockData: data, RelayParentNumber: relay.number, RelayParentStorageRoot: relay.state(p.chain, p.config).Root(),
	}, p.config.ExecutorParams.MemoryPages())
}

// differs names what validate_block commits to otherwise than the node's runtime said.
func differs(c *primitives.CandidateCommitments, r *primitives.ValidationResult) (list []string) {
	if !bytes.Equal(c.HeadData, r.HeadData) {
		list = append(list, "head_data")
	}
	if c.HrmpWatermark != r.HrmpWatermark {
		list = append(list, "hrmp_watermark")
	}
	if c.ProcessedDownwardMessages != r.ProcessedDownwardMessages {
		list = append(list, "processed_downward_messages")
	}
	if len(c.UpwardMessages) != len(r.UpwardMessages) {
		list = append(list, "upward_messages")
	}
	if (c.NewValidationCode == nil) != (r.NewValidationCode == nil) {
		list = append(list, "new_validation_code")
	}
	return list
}

// authorities compares the copy of Aura's authorities, by which the next block's seal is
// checked, with Aura's own after two blocks.
func (p *prober) authorities() {
	one, err := p.build(attempt{on: p.genesis(), relay: p.relay(0, p.genesis())})
	if err != nil {
		return
	}
	two, err := p.build(attempt{on: one, relay: p.relay(1, one)})
	if err != nil {
		return
	}
	get := func(pallet string) ([]byte, bool) {
		v, ok, err := two.state.Top().Get(hashing.StorageKey(pallet, "Authorities"), nil)
		return v, ok && err == nil
	}
	own, ok := get("Aura")
	copied, copiedOK := get("AuraExt")
	if !ok {
		return
	}
	same := copiedOK && bytes.Equal(own, copied)
	p.seen.Cache = answer(same)
	p.note("authorities", "AuraExt.Authorities against Aura.Authorities after two blocks", nil, map[bool]string{true: "equal", false: "they differ"}[same])
}
