package rpc

import (
	"context"

	"pileus/dev/rpc/jsonrpc"
)

// snapshot remembers the network and answers the number of the snapshot.
func (x control) snapshot(ctx context.Context, _ *jsonrpc.Call) (any, error) {
	id, err := x.node.Snapshot(ctx)
	if err != nil {
		return nil, controlError(err)
	}
	return id, nil
}

// revert goes back to a snapshot, by its number. Subscriptions of heads and storage begin again
// from there, chainHead follows are stopped.
func (x control) revert(ctx context.Context, c *jsonrpc.Call) (any, error) {
	id := c.Number("snapshot")
	if err := c.Err(); err != nil {
		return nil, err
	}
	if err := x.node.Revert(ctx, uint64(id)); err != nil {
		return nil, controlError(err)
	}
	return true, nil
}
