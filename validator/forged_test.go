package validator_test

import (
	"slices"
	"testing"

	"pileus/primitives"
	"pileus/relay"
	"pileus/validator"
)

// Whatever a collator alters, with all outer hashes made anew, no validator seconds it, and the layer
// whose duty it is says why.
func TestForgedCollations(t *testing.T) {
	for name, c := range map[string]struct {
		alter func(d *draft)
		want  validator.Reason
	}{
		"descriptor: para":                {func(d *draft) { d.fields.Para++ }, validator.WrongPara},
		"descriptor: relay parent":        {func(d *draft) { d.fields.RelayParent = wrong }, validator.SchedulingParentUnknown},
		"descriptor: version":             {func(d *draft) { d.raw = func(r *primitives.Descriptor) { r[36] = 9 } }, validator.DescriptorVersion},
		"descriptor: version 3":           {func(d *draft) { d.raw = func(r *primitives.Descriptor) { r[36] = 1 } }, validator.DescriptorVersion},
		"descriptor: core":                {func(d *draft) { d.fields.Core = 1 }, validator.CoreDiffers},
		"descriptor: session":             {func(d *draft) { d.fields.Session++ }, validator.SessionDiffers},
		"descriptor: PVD hash":            {func(d *draft) { d.fields.PVDHash = wrong }, validator.PVDHashMismatch},
		"descriptor: PoV hash":            {func(d *draft) { d.fields.PoVHash = wrong }, validator.PoVHashMismatch},
		"descriptor: erasure root":        {func(d *draft) { d.fields.ErasureRoot = wrong }, validator.ErasureRootMismatch},
		"descriptor: para head":           {func(d *draft) { d.fields.ParaHead = wrong }, validator.ParaHeadHashMismatch},
		"descriptor: code hash":           {func(d *draft) { d.fields.ValidationCodeHash = wrong }, validator.CodeHashMismatch},
		"receipt: commitments hash":       {func(d *draft) { d.receipt = func(r *primitives.CandidateReceipt) { r.CommitmentsHash = wrong } }, validator.CommitmentsHashMismatch},
		"PVD: parent head":                {func(d *draft) { d.pvd.ParentHead = []byte("other") }, validator.PVDHashMismatch},
		"PVD: relay parent number":        {func(d *draft) { d.pvd.RelayParentNumber-- }, validator.PVDHashMismatch},
		"PVD: storage root":               {func(d *draft) { d.pvd.RelayParentStorageRoot = wrong }, validator.PVDHashMismatch},
		"PVD: max PoV size":               {func(d *draft) { d.pvd.MaxPoVSize++ }, validator.PVDHashMismatch},
		"commitments: head data":          {func(d *draft) { d.commitments.HeadData = []byte("other") }, validator.ParaHeadHashMismatch},
		"commitments: upward message":     {func(d *draft) { d.commitments.UpwardMessages = [][]byte{{1}} }, validator.CommitmentsHashMismatch},
		"commitments: horizontal message": {func(d *draft) { d.commitments.HorizontalMessages = []primitives.OutboundHrmpMessage{{Recipient: 1}} }, validator.CommitmentsHashMismatch},
		"commitments: new code":           {func(d *draft) { d.commitments.NewValidationCode = &code }, validator.CommitmentsHashMismatch},
		"commitments: downward messages":  {func(d *draft) { d.commitments.ProcessedDownwardMessages = 1 }, validator.CommitmentsHashMismatch},
		"commitments: watermark":          {func(d *draft) { d.commitments.HrmpWatermark-- }, validator.CommitmentsHashMismatch},
		"PoV: other block":                {func(d *draft) { d.pov.BlockData = []byte("other") }, validator.ParaHeadHashMismatch},
		"PoV: too large":                  {func(d *draft) { d.pov.BlockData = make([]byte, 1<<10) }, validator.PoVTooLarge},
		"parent head":                     {func(d *draft) { d.parentHead = []byte("other") }, validator.PVDHashMismatch},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNetwork(t)
			d := n.draft("head 0", "head 1")
			c.alter(d)
			n.offer(d.seal(t))
			n.slot()
			if got := n.refusals(); !slices.Equal(got, []validator.Reason{c.want}) {
				t.Errorf("refused for %v, want %v", got, c.want)
			}
			if n.count(validator.NoteSeconded) > 0 || n.happened(relay.Backed) {
				t.Error("it was seconded")
			}
		})
	}
}

// A validator that lies in any field of its statement, signing anew, convinces nobody: without other
// votes the candidate is not backed.
func TestForgedStatements(t *testing.T) {
	resign := func(n *network, from int, s *validator.Statement) {
		ctx := primitives.SigningContext{Session: n.state.SessionIndexForChild(), Parent: s.SchedulingParent}
		s.Signature = n.keys[from].Sign(primitives.StatementPayload(s.Kind, s.Candidate, ctx))
	}
	receipt := func(alter func(r *primitives.CommittedCandidateReceipt)) func(*network, int, *validator.Statement) {
		return func(n *network, from int, s *validator.Statement) {
			r := *s.Receipt
			alter(&r)
			s.Receipt, s.Candidate = &r, r.Hash()
			resign(n, from, s)
		}
	}
	for name, c := range map[string]struct {
		alter func(n *network, from int, s *validator.Statement)
		want  []validator.Reason
	}{
		"signature":          {func(_ *network, _ int, s *validator.Statement) { s.Signature[5] ^= 1 }, []validator.Reason{validator.BadSignature}},
		"kind, not signed":   {func(_ *network, _ int, s *validator.Statement) { s.Kind = primitives.Valid }, []validator.Reason{validator.BadSignature}},
		"another's name":     {func(_ *network, _ int, s *validator.Statement) { s.Validator = (s.Validator + 1) % 5 }, []validator.Reason{validator.BadSignature}},
		"unknown validator":  {func(_ *network, _ int, s *validator.Statement) { s.Validator = 5 }, []validator.Reason{validator.UnknownValidator}},
		"candidate hash":     {func(n *network, from int, s *validator.Statement) { s.Candidate = wrong; resign(n, from, s) }, []validator.Reason{validator.MalformedReceipt}},
		"no receipt":         {func(_ *network, _ int, s *validator.Statement) { s.Receipt = nil }, []validator.Reason{validator.MalformedReceipt}},
		"no validation data": {func(_ *network, _ int, s *validator.Statement) { s.PVD = nil }, []validator.Reason{validator.MalformedReceipt}},
		"validation data":    {func(_ *network, _ int, s *validator.Statement) { p := *s.PVD; p.MaxPoVSize++; s.PVD = &p }, []validator.Reason{validator.PVDHashMismatch}},
		"validation data, its hash made anew": {func(n *network, from int, s *validator.Statement) {
			p, r := *s.PVD, *s.Receipt
			p.RelayParentNumber--
			hash := p.Hash()
			copy(r.Descriptor[68:], hash[:])
			s.PVD, s.Receipt, s.Candidate = &p, &r, r.Hash()
			resign(n, from, s)
		}, []validator.Reason{validator.PVDHashMismatch}},
		"para":            {receipt(func(r *primitives.CommittedCandidateReceipt) { r.Descriptor[0]++ }), []validator.Reason{validator.NotAssigned}},
		"relay parent":    {receipt(func(r *primitives.CommittedCandidateReceipt) { r.Descriptor[4]++ }), []validator.Reason{validator.MalformedReceipt}},
		"core":            {receipt(func(r *primitives.CommittedCandidateReceipt) { r.Descriptor[37] = 1 }), []validator.Reason{validator.CoreDiffers}},
		"session":         {receipt(func(r *primitives.CommittedCandidateReceipt) { r.Descriptor[39]++ }), []validator.Reason{validator.SessionDiffers}},
		"PVD hash":        {receipt(func(r *primitives.CommittedCandidateReceipt) { r.Descriptor[68]++ }), []validator.Reason{validator.PVDHashMismatch}},
		"PoV hash":        {receipt(func(r *primitives.CommittedCandidateReceipt) { r.Descriptor[100]++ }), []validator.Reason{validator.PoVHashMismatch}},
		"erasure root":    {receipt(func(r *primitives.CommittedCandidateReceipt) { r.Descriptor[132]++ }), []validator.Reason{validator.PoVHashMismatch}},
		"para head":       {receipt(func(r *primitives.CommittedCandidateReceipt) { r.Descriptor[228]++ }), []validator.Reason{validator.PoVHashMismatch}},
		"code hash":       {receipt(func(r *primitives.CommittedCandidateReceipt) { r.Descriptor[260]++ }), []validator.Reason{validator.NoPotential}},
		"head data":       {receipt(func(r *primitives.CommittedCandidateReceipt) { r.Commitments.HeadData = make([]byte, 21_000) }), []validator.Reason{validator.NoPotential}},
		"watermark":       {receipt(func(r *primitives.CommittedCandidateReceipt) { r.Commitments.HrmpWatermark-- }), []validator.Reason{validator.NoPotential}},
		"upward messages": {receipt(func(r *primitives.CommittedCandidateReceipt) { r.Commitments.UpwardMessages = make([][]byte, 6) }), []validator.Reason{validator.PoVHashMismatch}},
		"horizontal messages": {receipt(func(r *primitives.CommittedCandidateReceipt) {
			r.Commitments.HorizontalMessages = []primitives.OutboundHrmpMessage{{Recipient: 1}}
		}), []validator.Reason{validator.NoPotential}},
		"downward messages": {receipt(func(r *primitives.CommittedCandidateReceipt) { r.Commitments.ProcessedDownwardMessages = 1 }), []validator.Reason{validator.NoPotential}},
		"new code": {receipt(func(r *primitives.CommittedCandidateReceipt) {
			big := make([]byte, 4<<20)
			r.Commitments.NewValidationCode = &big
		}), []validator.Reason{validator.NoPotential}},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNetwork(t)
			n.statement = func(from int, s *validator.Statement) { c.alter(n, from, s) }
			collation := n.draft("head 0", "head 1").seal(t)
			hash := collation.receipt.Hash()
			n.collations[hash] = collation
			// Only one validator is offered the collation; the others hear its lie.
			n.send(0, 0, validator.Advertised{From: "collator", Para: para, SchedulingParent: n.header.Hash(),
				ParentHeadHash: primitives.ParaHeadHash(collation.parentHead), CandidateHash: hash})
			n.slot()
			if got := n.refusals(); !slices.Equal(got, c.want) {
				t.Errorf("refused for %v, want %v", got, c.want)
			}
			if n.count(validator.NoteValid) > 0 || n.happened(relay.Backed) {
				t.Error("others joined in")
			}
		})
	}
}

// A bitfield that is altered counts for nothing: all others refuse it, but for the one in whose name it is.
func TestForgedBitfields(t *testing.T) {
	for name, c := range map[string]struct {
		alter func(n *network, from int, b *validator.BitfieldReceived)
		want  validator.Reason
	}{
		"signature":        {func(_ *network, _ int, b *validator.BitfieldReceived) { b.Bitfield.Signature[3] ^= 1 }, validator.BadSignature},
		"bits, not signed": {func(_ *network, _ int, b *validator.BitfieldReceived) { b.Bitfield.Bits = primitives.BitsOf(1, 0) }, validator.BadSignature},
		"another's name": {func(_ *network, _ int, b *validator.BitfieldReceived) {
			b.Bitfield.Validator = (b.Bitfield.Validator + 1) % 5
		}, validator.BadSignature},
		"unknown validator": {func(_ *network, _ int, b *validator.BitfieldReceived) { b.Bitfield.Validator = 5 }, validator.UnknownValidator},
		"length": {func(n *network, from int, b *validator.BitfieldReceived) {
			b.Bitfield.Bits = primitives.BitsOf(2, 0)
			ctx := primitives.SigningContext{Session: n.state.SessionIndexForChild(), Parent: b.Block}
			b.Bitfield.Signature = n.keys[from].Sign(primitives.BitfieldPayload(b.Bitfield.Bits, ctx))
		}, validator.BitfieldLength},
		"context: session": {func(n *network, from int, b *validator.BitfieldReceived) {
			ctx := primitives.SigningContext{Session: n.state.SessionIndexForChild() + 1, Parent: b.Block}
			b.Bitfield.Signature = n.keys[from].Sign(primitives.BitfieldPayload(b.Bitfield.Bits, ctx))
		}, validator.BadSignature},
		"context: block": {func(n *network, from int, b *validator.BitfieldReceived) {
			ctx := primitives.SigningContext{Session: n.state.SessionIndexForChild(), Parent: wrong}
			b.Bitfield.Signature = n.keys[from].Sign(primitives.BitfieldPayload(b.Bitfield.Bits, ctx))
		}, validator.BadSignature},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNetwork(t)
			n.bitfield = func(from int, b *validator.BitfieldReceived) {
				if from == 0 {
					c.alter(n, from, b)
				}
			}
			n.slot()
			refused := 0
			for _, x := range n.notes {
				if x.Kind == validator.NoteRefused && x.Reason == c.want {
					refused++
				}
			}
			if got := n.refusals(); refused < 3 || len(got) != 1 {
				t.Errorf("%d nodes refused for %v, want those of the others for %v", refused, got, c.want)
			}
		})
	}
}
