package rpc

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"pileus/dev/rpc/jsonrpc"
	"pileus/scale"
	"pileus/txpool"
)

// pool answers for the transactions of the parachain.
type pool struct {
	*side
	node Node
}

// addAuthor registers the group author.
func (p *pool) addAuthor(m *jsonrpc.Methods) {
	m.Add(p.submitExtrinsic, "author_submitExtrinsic")
	m.Add(p.pendingExtrinsics, "author_pendingExtrinsics")
	m.AddUnsafe(p.removeExtrinsic, "author_removeExtrinsic")
	m.Subscription(jsonrpc.Names{
		Subscribe: []string{"author_submitAndWatchExtrinsic"}, Unsubscribe: []string{"author_unwatchExtrinsic"}, Event: "author_extrinsicUpdate",
	}, p.submitAndWatch)
}

// inner takes the length prefix off an extrinsic; what follows it is ignored.
func inner(xt []byte) ([]byte, error) {
	d := scale.NewDecoder(xt)
	b := d.Bytes(len(xt))
	return b, d.Err()
}

func (p *pool) submitExtrinsic(ctx context.Context, c *jsonrpc.Call) (any, error) {
	given := c.Bytes("extrinsic")
	if err := c.Err(); err != nil {
		return nil, err
	}
	xt, err := inner(given)
	if err != nil {
		return nil, fail(codeAuthorOther, "Failed to decode the extrinsic: "+err.Error(), nil)
	}
	hash, err := p.node.Submit(ctx, xt)
	if err != nil {
		return nil, poolError(hash, err)
	}
	return hash, nil
}

func (p *pool) pendingExtrinsics(ctx context.Context, _ *jsonrpc.Call) (any, error) {
	list, err := p.node.Pending(ctx)
	if err != nil {
		return nil, jsonrpc.Internal(err.Error())
	}
	ready, size := []jsonrpc.Hex{}, 0
	for _, t := range list {
		if size += len(t.Extrinsic); t.Ready && size <= maxAnswer {
			ready = append(ready, scale.AppendBytes(nil, t.Extrinsic))
		}
	}
	return ready, nil
}

// removeExtrinsic takes transactions out, given by hash or whole.
func (p *pool) removeExtrinsic(ctx context.Context, c *jsonrpc.Call) (any, error) {
	var list []struct {
		Hash      *string `json:"hash"`
		Extrinsic *string `json:"extrinsic"`
	}
	c.JSON("bytesOrHash", &list)
	var hashes []Hash
	for _, x := range list {
		switch {
		case x.Hash != nil:
			h, err := jsonrpc.Hash32(*x.Hash)
			if err != nil {
				c.Fail("hash", err.Error())
			}
			hashes = append(hashes, h)
		case x.Extrinsic != nil:
			b, err := jsonrpc.ParseHex(*x.Extrinsic)
			if err == nil {
				b, err = inner(b)
			}
			if err != nil {
				c.Fail("extrinsic", err.Error())
			}
			hashes = append(hashes, txpool.HashOf(b))
		default:
			c.Fail("bytesOrHash", "each item is {\"hash\": …} or {\"extrinsic\": …}")
		}
	}
	if err := c.Err(); err != nil {
		return nil, err
	}
	removed, err := p.node.RemoveExtrinsics(ctx, hashes...)
	if err != nil {
		return nil, jsonrpc.Internal(err.Error())
	}
	if removed == nil {
		removed = []Hash{}
	}
	return removed, nil
}

func (p *pool) submitAndWatch(ctx context.Context, c *jsonrpc.Call, sub *jsonrpc.Subscription) (func(context.Context), error) {
	given := c.Bytes("bytes")
	if err := c.Err(); err != nil {
		return nil, err
	}
	xt, err := inner(given)
	if err != nil {
		return nil, fail(codeBadFormat, "Extrinsic has invalid format: "+err.Error(), nil)
	}
	hash, statuses, err := p.node.Watch(ctx, xt)
	if err != nil {
		return nil, poolError(hash, err)
	}
	return func(ctx context.Context) {
		defer statuses.Close()
		for {
			select {
			case <-ctx.Done():
				return
			case st, ok := <-statuses.Events():
				if !ok || sub.Send(statusItem(st)) != nil {
					return
				}
			}
		}
	}, nil
}

// statusItem is a status as the group author tells it: text, or an object with one key.
func statusItem(s txpool.Status) any {
	switch s.Kind {
	case txpool.StatusInBlock, txpool.StatusRetracted, txpool.StatusFinalityTimeout, txpool.StatusFinalized:
		return map[string]Hash{s.Kind.String(): s.Block}
	case txpool.StatusUsurped:
		return map[string]Hash{"usurped": s.By}
	}
	return s.Kind.String()
}

// poolError is how the group author tells why the pool does not take a transaction.
func poolError(hash Hash, err error) *jsonrpc.Error {
	var invalid *txpool.InvalidError
	switch {
	case errors.As(err, &invalid) && invalid.Unknown:
		return fail(codeUnknown, "Unknown Transaction Validity", reason(invalid))
	case errors.As(err, &invalid):
		return fail(codeInvalid, "Invalid Transaction", reason(invalid))
	case errors.Is(err, txpool.ErrBanned):
		return fail(codeBanned, "Transaction is temporarily banned", nil)
	case errors.Is(err, txpool.ErrKnown):
		return fail(codeKnown, "Transaction Already Imported", hash.String())
	case errors.Is(err, txpool.ErrPriority):
		return fail(codePriority, "Priority is too low", "The transaction has too low priority to replace another transaction already in the pool.")
	case errors.Is(err, txpool.ErrDropped), errors.Is(err, txpool.ErrTooLarge), errors.Is(err, txpool.ErrUnchecked):
		return fail(codeDropped, "Immediately Dropped", "The transaction couldn't enter the pool because of the limit: "+err.Error())
	case errors.Is(err, txpool.ErrNoTags):
		return fail(codeNoTags, "Transaction does not provide any tags", err.Error())
	case errors.Is(err, txpool.ErrUnfinished):
		return fail(codeVerify, "Verification Error: "+err.Error(), nil)
	}
	return fail(codeAuthorOther, err.Error(), nil)
}

// reason is a refusal in the words that clients know.
func reason(e *txpool.InvalidError) string {
	const customInvalid, customUnknown = 7, 2
	if e.Kind == customInvalid && !e.Unknown || e.Kind == customUnknown && e.Unknown {
		return fmt.Sprintf("Custom error: %d", e.Custom)
	}
	_, words, _ := strings.Cut(e.Error(), ": ")
	if words == "" {
		return e.Error()
	}
	return strings.ToUpper(words[:1]) + words[1:]
}
