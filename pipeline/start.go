package pipeline

import (
	"context"
	"fmt"

	"pileus/crypto"
	"pileus/hashing"
	"pileus/primitives"
	"pileus/relay"
	"pileus/scale"
	"pileus/validator"
	"pileus/world"
)

// New makes a network. Its relay chain takes up the parachains where their state stands.
func New(ctx context.Context, cfg Config) (*Network, error) {
	n := &Network{cfg: cfg, ctx: ctx, cancel: func(error) {}, finalityLag: finalityLag, chance: world.NewChance(cfg.Seed, "latency"), relay: map[hashing.Hash]*relayBlock{},
		sessions: map[primitives.SessionIndex][]uint32{}, collations: map[primitives.CandidateHash]*collation{}, seen: map[string]bool{}, splits: map[splitKey]*split{}, saved: map[primitives.CandidateHash]*primitives.AvailableData{},
		prechecked: map[primitives.Hash]primitives.SessionIndex{}}
	verifier := cfg.Verifier
	if verifier == nil {
		verifier = crypto.NewVerifier()
	}
	for i := range cfg.Validators {
		pair := crypto.NewSr25519FromSeed(hashing.Blake2b256(scale.AppendU32(scale.AppendU64([]byte("validator"), cfg.Seed), uint32(i))))
		v := validator.New(validator.Config{Key: pair, Classic: cfg.Relay.Rules == relay.Classic, Verify: verifier.Sr25519Verify, Split: n.split})
		n.validators = append(n.validators, &node{v, primitives.ValidatorIndex(i), pair})
		n.cfg.Relay.Validators = append(n.cfg.Relay.Validators, pair.Public())
	}
	n.cfg.Relay.Seed, n.cfg.Relay.Verify, n.cfg.Relay.ManualPrecheck = cfg.Seed, verifier.Sr25519Verify, true
	for _, p := range cfg.Paras {
		c := newChain(p)
		n.chains = append(n.chains, c)
		n.takeUp(c)
	}
	if !cfg.Relay.Fresh {
		n.cfg.Relay.Number, n.cfg.Relay.Slot = max(n.cfg.Relay.Number, firstNumber), max(n.cfg.Relay.Slot, firstSlot)
	}
	if err := n.begin(); err != nil {
		return nil, err
	}
	n.ledger = newLedger(func() uint32 { return n.best.state.SchedulingLookahead() })
	n.world = world.New(SlotTime(n.best.slot + 1))
	n.start = n.world.Now()
	n.tellStart()
	return n, n.goOn()
}

// begin makes the relay block that the run begins with, or takes up where an earlier run ended.
func (n *Network) begin() error {
	if n.cfg.Resume != nil {
		return n.resume()
	}
	state, header, err := relay.Genesis(n.cfg.Relay)
	if err != nil {
		return fmt.Errorf("start the relay chain: %w", err)
	}
	n.seal(&header)
	n.root = &relayBlock{hash: header.Hash(), header: &header, state: state, slot: n.cfg.Relay.Slot}
	n.relay[n.root.hash], n.best, n.final, n.first = n.root, n.root, n.root, header.Number+1
	return nil
}

// goOn puts the relay blocks that there are into everybody's hands.
func (n *Network) goOn() error {
	if n.cfg.Resume == nil {
		n.know(n.root)
		for _, v := range n.validators {
			n.step(v, validator.Leaf{Header: n.root.header, State: n.root.state})
		}
		return nil
	}
	return n.goOnFrom(n.cfg.Resume)
}

// A relay chain that has been running does not stand at its beginning: the first block
// has at least this number, in a slot of November 2025.
const (
	firstNumber = 1000
	firstSlot   = 294_000_000
)

// seal signs the block that the run begins with. It is as real as its successors:
// runtimes with a relay parent offset check its seal.
func (n *Network) seal(h *primitives.Header) {
	claim, ok := h.Digest.BabeClaim()
	if !ok {
		return
	}
	hash := h.Hash()
	sig := n.validators[claim.Authority].signer.Sign(hash[:])
	h.Digest = append(h.Digest, primitives.DigestItem{Kind: primitives.DigestSeal, Engine: primitives.EngineBabe, Data: sig[:]})
}

// takeUp continues what a parachain has stored of an earlier relay chain: numbers and
// slots start above it, message queues continue.
func (n *Network) takeUp(c *chain) {
	f, r := &c.Chain.Facts, &n.cfg.Relay
	r.Number = max(r.Number, f.MinRelayNumber())
	r.Slot = max(r.Slot, f.MinRelaySlot())
	para := relay.ParaGenesis{ID: c.id, Head: c.Chain.Head(), Code: c.Chain.Code, DmqHead: f.DmqHead}
	for _, h := range f.HrmpHeads {
		para.Ingress = append(para.Ingress, relay.ChannelGenesis{Peer: h.Sender, Head: h.Head})
	}
	for _, ch := range f.Egress {
		para.Egress = append(para.Egress, relay.ChannelGenesis{Peer: ch.Peer, Head: ch.Head, MaxCapacity: ch.MaxCapacity, MaxTotalSize: ch.MaxTotalSize, MaxMessageSize: ch.MaxMessageSize})
	}
	r.Paras = append(r.Paras, para)
}

func (n *Network) tellStart() {
	for _, c := range n.chains {
		n.tell(ParaStarted{c.id, c.code, c.Chain.Version.SpecName, c.Chain.Version.SpecVersion, c.names(), c.Collator.String(), n.first})
	}
}

// know keeps who the validators of a block's session are.
func (n *Network) know(b *relayBlock) {
	session := b.state.SessionIndexForChild()
	if n.sessions[session] == nil {
		n.sessions[session] = b.state.ActiveIndices()
	}
}

// validatorAt is the validator with that index in the session; nil if there is none.
func (n *Network) validatorAt(session primitives.SessionIndex, v primitives.ValidatorIndex) *node {
	active := n.sessions[session]
	if int(v) >= len(active) || int(active[v]) >= len(n.validators) {
		return nil
	}
	return n.validators[active[v]]
}
