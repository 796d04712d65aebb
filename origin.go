package pileus

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"pileus/chainspec"
	"pileus/parachain"
	"pileus/primitives"
	"pileus/remote"
)

// origin is where a parachain begins: a chain spec, or a block of a live chain.
type origin struct {
	code []byte
	spec *chainspec.Spec
	live *remote.Chain // nil: the spec
}

// origin reads the chain spec, makes one of the bare runtime, or asks the node of a live chain.
func (s *Settings) origin(ctx context.Context, progress func(remote.Progress)) (*origin, error) {
	if s.URL == "" {
		spec, err := s.Spec()
		if err != nil {
			return nil, err
		}
		return &origin{code: spec.Code(), spec: spec}, nil
	}
	live, err := remote.Open(ctx, s.URL, s.remoteOptions(progress))
	if err != nil {
		return nil, err
	}
	code, ok, err := live.State.Top().Get([]byte(chainspec.CodeKey), nil)
	if err == nil && !ok {
		err = parachain.ErrNoCode
	}
	if err != nil {
		live.Close()
		return nil, fmt.Errorf("read the runtime code: %w", err)
	}
	return &origin{code: code, live: live}, nil
}

func (s *Settings) remoteOptions(progress func(remote.Progress)) remote.Options {
	o := remote.Options{Progress: progress, CacheDir: s.remoteDir}
	if o.CacheDir == "" && s.CacheDir != "" {
		o.CacheDir = filepath.Join(s.CacheDir, "remote")
	}
	return o
}

// open opens the parachain.
func (o *origin) open(ctx context.Context, host *parachain.Host, options parachain.Options) (*parachain.Chain, error) {
	if o.live == nil {
		return host.Open(ctx, o.spec, options)
	}
	l := o.live
	chain, err := host.OpenLive(ctx, &parachain.Live{Name: l.Name, GenesisHash: l.Genesis, Header: l.Header, State: l.State, Prefetch: l.Prefetch}, options)
	if err != nil {
		return nil, err
	}
	notes := []string{fmt.Sprintf("The chain is taken up at block #%d, %s, of %s. Its state is read from there as it is needed; relay numbers, slots and message queues go on above what is stored, on the relay chain of this run.",
		l.Header.Number, l.Hash, l.URL)}
	chain.Edits = append(append(notes, l.Notes...), chain.Edits...)
	return chain, nil
}

// FetchRelayConfig replaces the configuration by that of a live relay chain, at an address
// such as ws://host:port@block.
func FetchRelayConfig(ctx context.Context, c *primitives.HostConfiguration, address string) (*remote.Relay, error) {
	r, err := remote.OpenRelay(ctx, address, remote.Options{})
	if err != nil {
		return nil, fmt.Errorf("read the relay chain's configuration: %w", err)
	}
	// The cores of the live chain are those of its paras; here each para gets its own.
	config := r.Config
	config.SchedulerParams.NumCores = c.SchedulerParams.NumCores
	if err := config.Validate(); err != nil {
		return nil, fmt.Errorf("%s: %w", r.URL, errors.New(oneLine(err)))
	}
	*c = config
	return r, nil
}
