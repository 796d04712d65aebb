package pileus

import (
	"context"
	"fmt"
	"path/filepath"

	"pileus/chainspec"
	"pileus/parachain"
	"pileus/remote"
)

// Origin is where a parachain begins: a chain spec, or a block of a live chain.
type Origin struct {
	// Spec is the chain spec. That of a live chain has nothing but its name and code.
	Spec *chainspec.Spec
	Live *remote.Chain // nil: the spec
}

// Origin reads the chain spec, makes one of the bare runtime, or asks the node of a live
// chain, which tells o what of it was read.
func (s *Settings) Origin(ctx context.Context, o remote.Options) (*Origin, error) {
	if s.URL == "" {
		spec, err := s.Spec()
		if err != nil {
			return nil, err
		}
		return &Origin{Spec: spec}, nil
	}
	if o.CacheDir = s.RemoteDir; o.CacheDir == "" && s.CacheDir != "" {
		o.CacheDir = filepath.Join(s.CacheDir, "remote")
	}
	live, err := remote.Open(ctx, s.URL, o)
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
	raw := &chainspec.Raw{Top: map[string][]byte{chainspec.CodeKey: code}}
	return &Origin{Spec: &chainspec.Spec{Name: live.Name, Genesis: chainspec.Genesis{Raw: raw}}, Live: live}, nil
}

// Open opens the parachain.
func (o *Origin) Open(ctx context.Context, host *parachain.Host, options parachain.Options) (*parachain.Chain, error) {
	l := o.Live
	if l == nil {
		return host.Open(ctx, o.Spec, options)
	}
	chain, err := host.OpenLive(ctx, &parachain.Live{Name: l.Name, GenesisHash: l.Genesis, Properties: l.Properties, Header: l.Header, State: l.State, Prefetch: l.Prefetch}, options)
	if err != nil {
		return nil, err
	}
	notes := []string{fmt.Sprintf("The chain is taken up at block #%d, %s, of %s. Its state is read from there as it is needed; relay numbers, slots and message queues go on above what is stored, on the relay chain of this run.",
		l.Header.Number, l.Hash, l.URL)}
	chain.Edits = append(append(notes, l.Notes...), chain.Edits...)
	return chain, nil
}

// Close ends the connection to a live chain.
func (o *Origin) Close() error {
	if o.Live == nil {
		return nil
	}
	return o.Live.Close()
}
