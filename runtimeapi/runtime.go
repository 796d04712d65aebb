// Package runtimeapi makes the calls that a node makes into a runtime: typed arguments
// and results over the exported Wasm functions.
//
// A [Runtime] belongs to one code and one state. What it can do is looked up in the
// version of that very code, so a call is in the form that the block at hand demands;
// an API that the code lacks gives a [*NoAPIError].
//
// Sources: sp-api 44 and the traits named at each method; for what a node does when one
// is absent, cumulus-client-consensus-aura 0.36.
package runtimeapi

import (
	"context"
	"errors"
	"fmt"

	"pileus/executor"
	"pileus/scale"
)

// Names of runtime API traits.
const (
	Core                     = "Core"
	BlockBuilder             = "BlockBuilder"
	TaggedTransactionQueue   = "TaggedTransactionQueue"
	MetadataAPI              = "Metadata"
	AuraApi                  = "AuraApi"
	AuraUnincludedSegmentApi = "AuraUnincludedSegmentApi"
	CollectCollationInfo     = "CollectCollationInfo"
	RelayParentOffsetApi     = "RelayParentOffsetApi"
	GetParachainInfo         = "GetParachainInfo"
	TargetBlockRate          = "TargetBlockRate"
	KeyToIncludeInRelayProof = "KeyToIncludeInRelayProof"
	SchedulingV3EnabledApi   = "SchedulingV3EnabledApi"
	AccountNonceApi          = "AccountNonceApi"
	TransactionPaymentApi    = "TransactionPaymentApi"
	GenesisBuilder           = "GenesisBuilder"
	SessionKeys              = "SessionKeys"
	OffchainWorkerApi        = "OffchainWorkerApi"
	ParachainHost            = "ParachainHost"
)

// apiIDs spares the hashing of the names above.
var apiIDs = func() map[string][8]byte {
	m := map[string][8]byte{}
	for _, trait := range []string{
		Core, BlockBuilder, TaggedTransactionQueue, MetadataAPI, AuraApi, AuraUnincludedSegmentApi, CollectCollationInfo,
		RelayParentOffsetApi, GetParachainInfo, TargetBlockRate, KeyToIncludeInRelayProof, SchedulingV3EnabledApi,
		AccountNonceApi, TransactionPaymentApi, GenesisBuilder, SessionKeys, OffchainWorkerApi, ParachainHost,
	} {
		m[trait] = APIID(trait)
	}
	return m
}()

// Limits on what a runtime may answer.
const (
	maxName  = 1 << 10
	maxItems = 1 << 16
	maxBytes = 64 << 20
)

// Caller runs an exported function of a runtime on a state. Changes to the state, if the
// caller keeps them, are seen by the next call; a call that fails leaves none.
type Caller interface {
	Call(ctx context.Context, method string, args []byte) ([]byte, error)
}

// Runtime is a runtime's code bound to a state. It is as safe for concurrent use as its [Caller].
type Runtime struct {
	version *Version
	caller  Caller
}

// New binds a caller to the version of the code that it runs.
func New(version *Version, caller Caller) *Runtime { return &Runtime{version, caller} }

// Version is the version of the code.
func (r *Runtime) Version() *Version { return r.version }

// API is the version of the runtime API with that trait name; ok is false if the runtime lacks it.
func (r *Runtime) API(trait string) (version uint32, ok bool) { return r.version.API(trait) }

// IsRelayChain tells whether the runtime is that of a relay chain: it has the API ParachainHost.
func (r *Runtime) IsRelayChain() bool {
	_, ok := r.API(ParachainHost)
	return ok
}

// NoAPIError says that the runtime lacks an API, or has an older version of it than a call needs.
type NoAPIError struct {
	Trait   string
	Have    uint32 // the version that it has; 0 if it lacks the API
	Need    uint32
	Runtime string
}

// Error names runtime and API.
func (e *NoAPIError) Error() string {
	if e.Have == 0 {
		return fmt.Sprintf("runtime %s lacks the API %s", e.Runtime, e.Trait)
	}
	return fmt.Sprintf("runtime %s has version %d of the API %s, not %d", e.Runtime, e.Have, e.Trait, e.Need)
}

// need returns the version of an API, which must be at least min.
func (r *Runtime) need(trait string, min uint32) (uint32, error) {
	have, ok := r.API(trait)
	if !ok || have < min {
		return have, &NoAPIError{Trait: trait, Have: have, Need: min, Runtime: r.version.String()}
	}
	return have, nil
}

// Call runs a function of a trait with encoded arguments, if the runtime has the trait.
func (r *Runtime) Call(ctx context.Context, trait, method string, args []byte) ([]byte, error) {
	if _, err := r.need(trait, 0); err != nil {
		return nil, err
	}
	name := trait + "_" + method
	out, err := r.caller.Call(ctx, name, args)
	var told *executor.CallError
	if errors.As(err, &told) && told.Method == name {
		return nil, err // it names the function itself
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return out, nil
}

// call runs a function and decodes its result, of which nothing may be left over.
func call[T any](ctx context.Context, r *Runtime, trait, method string, args []byte, result func(*scale.Decoder) T) (T, error) {
	var none T
	out, err := r.Call(ctx, trait, method, args)
	if err != nil {
		return none, err
	}
	d := scale.NewDecoder(out)
	v := result(d)
	if err := d.Finish(); err != nil {
		return none, fmt.Errorf("%s_%s: decode result: %w", trait, method, err)
	}
	return v, nil
}

// unit is the result of a function that returns nothing.
func unit(*scale.Decoder) struct{} { return struct{}{} }

// sized reads a value with DecodeFrom.
func sized[T any, P interface {
	*T
	scale.Decodable
}](d *scale.Decoder) (v T) {
	P(&v).DecodeFrom(d)
	return v
}

func bytesResult(d *scale.Decoder) []byte { return d.Bytes(maxBytes) }

func optionBytes(d *scale.Decoder) *[]byte { return scale.DecodeOption(d, bytesResult) }
