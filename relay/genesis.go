package relay

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"pileus/hashing"
	"pileus/primitives"
	"pileus/scale"
	"pileus/trie"
)

// GenesisConfig is the relay chain to start with: one that has been running. Its first
// state is that after a block which began a session, so that groups, cores and claim
// queue are set from the next block on.
type GenesisConfig struct {
	Config primitives.HostConfiguration
	Rules  Rules
	// Number and Slot are those of the first block. They must be above whatever paras have
	// stored of an earlier relay chain.
	Number        uint32
	Slot          primitives.Slot
	Validators    [][32]byte // sr25519 keys, which are also those of the authors of blocks
	SessionBlocks uint32     // length of a session in slots
	Paras         []ParaGenesis
	Seed          uint64 // of the first epochs' randomness
	// Fresh starts with session 0 of a new chain, which has neither groups nor cores:
	// parachains begin with session 1.
	Fresh          bool
	UpwardPerBlock uint32 // see Params
	ManualPrecheck bool   // see Params
	UpgradesLate   uint32 // see Params
	// Verify is that of Params.
	Verify func(sig [64]byte, msg []byte, public [32]byte) bool
}

// ParaGenesis is a parachain to start with.
type ParaGenesis struct {
	ID   primitives.ParaID
	Head []byte
	Code []byte
	// Cores are the para's schedules; Begin 0 is the first block. Without any the para has
	// a core of its own; an empty list that is not nil gives it none.
	Cores []CoreSchedule
	// DmqHead is the head of the chain of downward messages that the para has processed.
	DmqHead Hash
	// Ingress and Egress are the HRMP channels that the para knows. A channel between two
	// of the paras may stand on both sides, or on one.
	Ingress, Egress []ChannelGenesis
}

// ChannelGenesis is an open and empty HRMP channel.
type ChannelGenesis struct {
	Peer                                      primitives.ParaID
	Head                                      Hash   // of the chain of messages so far; zero: none yet
	MaxCapacity, MaxTotalSize, MaxMessageSize uint32 // messages, bytes, bytes; 0: the configuration's most
}

// Errors of a relay chain's first state.
var (
	ErrNoValidators  = errors.New("a relay chain needs two validators at least: its erasure code has no form for one")
	ErrSessionBlocks = errors.New("a session needs one block at least")
	ErrDuplicatePara = errors.New("a para stands twice")
	ErrChannelHeads  = errors.New("a channel has different heads at its two ends")
	ErrNoCode        = errors.New("a para without code")
)

// Genesis is the first state and its header, which has no seal. Of an inconsistent host
// configuration it reports every problem at once.
func Genesis(cfg GenesisConfig) (*State, primitives.Header, error) {
	if len(cfg.Validators) < 2 {
		return nil, primitives.Header{}, ErrNoValidators
	}
	if cfg.SessionBlocks == 0 {
		return nil, primitives.Header{}, ErrSessionBlocks
	}
	if err := cfg.Config.Validate(); err != nil {
		return nil, primitives.Header{}, fmt.Errorf("host configuration: %w", err)
	}
	x := &execution{tx: newTx(&store{trie: trie.New(), vals: map[string]any{}}), now: cfg.Number,
		params: cfg.Params()}
	config := cfg.Config
	x.config = &config
	itemNumber.put(x.tx, cfg.Number)
	itemSlot.put(x.tx, cfg.Slot)
	itemTimestamp.put(x.tx, Timestamp(cfg.Slot))
	if err := x.genesisParas(cfg.Paras, &config); err != nil {
		return nil, primitives.Header{}, err
	}
	itemConfig.put(x.tx, &config)
	x.genesisSession(&cfg)
	after, err := x.tx.commit()
	if err != nil {
		return nil, primitives.Header{}, err
	}
	state := &State{store: after, params: x.params}
	return state, genesisHeader(&cfg, state), nil
}

// Params are what of it is fixed in the runtime.
func (cfg *GenesisConfig) Params() Params {
	return Params{Rules: cfg.Rules, SessionBlocks: cfg.SessionBlocks, UpwardPerBlock: cfg.UpwardPerBlock, ManualPrecheck: cfg.ManualPrecheck, UpgradesLate: cfg.UpgradesLate, Verify: cfg.Verify}
}

// genesisHeader carries a slot, as paras that read it from their relay parent expect.
func genesisHeader(cfg *GenesisConfig, s *State) primitives.Header {
	h := primitives.Header{Number: cfg.Number, StateRoot: s.Root(), ExtrinsicsRoot: trie.EmptyRoot}
	if cfg.Number > 0 {
		h.ParentHash = hashing.Blake2b256(scale.AppendU64([]byte("parent"), cfg.Seed))
		claim := primitives.BabeClaim{Kind: primitives.BabeSecondaryPlain, Authority: author(s, s.params, cfg.Slot), Slot: cfg.Slot}
		h.Digest = primitives.Digest{{Kind: primitives.DigestPreRuntime, Engine: primitives.EngineBabe, Data: claim.EncodeTo(nil)}}
	}
	return h
}

// genesisSession sets up the epoch and the session that begin.
func (x *execution) genesisSession(cfg *GenesisConfig) {
	epoch, start := uint64(cfg.Number/cfg.SessionBlocks), cfg.Slot
	if cfg.Fresh {
		epoch, start = 0, cfg.Slot+1
	}
	epoch = min(epoch, uint64(start)/uint64(cfg.SessionBlocks))
	authorities := make([]authority, len(cfg.Validators))
	for i, key := range cfg.Validators {
		authorities[i] = authority{key, 1}
	}
	randomness := hashing.Blake2b256(scale.AppendU64([]byte("epoch"), cfg.Seed))
	next := hashing.Blake2b256(scale.AppendU64(append([]byte(nil), randomness[:]...), epoch+1))
	session := primitives.SessionIndex(epoch)
	itemGenesisSlot.put(x.tx, start-primitives.Slot(epoch)*primitives.Slot(cfg.SessionBlocks))
	itemEpoch.put(x.tx, epoch)
	itemRandomness.put(x.tx, randomness)
	itemNextRandomness.put(x.tx, next)
	itemBlockRandomness.put(x.tx, nil) // secondary plain claims give none
	itemAuthorities.put(x.tx, authorities)
	itemNextAuthorities.put(x.tx, authorities)
	itemSessionIndex.put(x.tx, session)
	itemOldestSession.put(x.tx, session)
	itemEarliestSession.put(x.tx, session)
	itemSchedulingBuffer.put(x.tx, schedulingParents{latest: cfg.Number})

	seed := x.sessionSeed()
	validators := x.shuffleValidators(session, seed)
	groups := groupCount(x.config, validators)
	if cfg.Fresh {
		// The session pallet is built before the configuration: session 0 sees the default
		// configuration, which has no cores.
		groups = 0
	}
	x.arrangeGroups(validators, groups)
	x.keepSessionInfo(session, seed)
}

// genesisParas registers the paras and gives them their cores; the configuration gets as
// many cores as that takes.
func (x *execution) genesisParas(paras []ParaGenesis, config *primitives.HostConfiguration) error {
	paras = slices.Clone(paras)
	sortParas(paras, func(p ParaGenesis) primitives.ParaID { return p.ID })
	var ids []primitives.ParaID
	var schedules []CoreSchedule
	for _, p := range paras {
		if slices.Contains(ids, p.ID) {
			return fmt.Errorf("para %d: %w", p.ID, ErrDuplicatePara)
		}
		if len(p.Code) == 0 {
			return fmt.Errorf("para %d: %w", p.ID, ErrNoCode)
		}
		ids = append(ids, p.ID)
		hash := hashing.Blake2b256(p.Code)
		x.holdCode(hash, p.Code)
		itemCodeHash.at(p.ID).put(x.tx, hash)
		itemHead.at(p.ID).put(x.tx, p.Head)
		itemContext.at(p.ID).put(x.tx, x.now)
		itemLifecycle.at(p.ID).put(x.tx, lifecycleParachain)
		if p.DmqHead != (Hash{}) {
			itemDownwardHead.at(p.ID).put(x.tx, p.DmqHead)
		}
		for _, c := range p.Ingress {
			if err := x.genesisChannel(primitives.ChannelID{Sender: c.Peer, Recipient: p.ID}, c); err != nil {
				return err
			}
		}
		for _, c := range p.Egress {
			if err := x.genesisChannel(primitives.ChannelID{Sender: p.ID, Recipient: c.Peer}, c); err != nil {
				return err
			}
		}
		for _, s := range p.Cores {
			config.SchedulerParams.NumCores = max(config.SchedulerParams.NumCores, uint32(s.Core)+1)
			schedules = append(schedules, s)
		}
	}
	itemParas.put(x.tx, ids)
	for _, p := range paras {
		if p.Cores == nil {
			schedules = append(schedules, CoreSchedule{Core: primitives.CoreIndex(config.SchedulerParams.NumCores), Assignments: []Assignment{Task(p.ID, PartsOfCore)}})
			config.SchedulerParams.NumCores++
		}
	}
	for i := range schedules {
		schedules[i].Begin = max(schedules[i].Begin, x.now+1)
	}
	slices.SortStableFunc(schedules, func(a, b CoreSchedule) int { return cmp.Compare(a.Begin, b.Begin) })
	for _, s := range schedules {
		if err := x.enqueue(s); err != nil {
			return err
		}
	}
	return nil
}

// lifecycleParachain is ParaLifecycle::Parachain.
const lifecycleParachain = 2

func (x *execution) genesisChannel(id primitives.ChannelID, c ChannelGenesis) error {
	or := func(v, otherwise uint32) uint32 {
		if v == 0 {
			return otherwise
		}
		return v
	}
	channel := primitives.HrmpChannel{MaxCapacity: or(c.MaxCapacity, x.config.HrmpChannelMaxCapacity),
		MaxTotalSize: or(c.MaxTotalSize, x.config.HrmpChannelMaxTotalSize), MaxMessageSize: or(c.MaxMessageSize, x.config.HrmpChannelMaxMessageSize)}
	if c.Head != (Hash{}) {
		channel.MQCHead = &c.Head
	}
	if old, ok := itemChannel.at(id).get(x.tx); ok {
		switch {
		case old.MQCHead == nil:
		case channel.MQCHead == nil:
			channel.MQCHead = old.MQCHead
		case *old.MQCHead != *channel.MQCHead:
			return fmt.Errorf("channel from %d to %d: %w", id.Sender, id.Recipient, ErrChannelHeads)
		}
	}
	itemChannel.at(id).put(x.tx, channel)
	x.index(itemEgress.at(id.Sender), id.Recipient, true)
	x.index(itemIngress.at(id.Recipient), id.Sender, true)
	return nil
}
