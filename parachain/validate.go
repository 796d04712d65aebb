package parachain

import (
	"context"
	"fmt"

	"pileus/executor"
	"pileus/primitives"
	"pileus/scale"
)

// ValidateBlock runs the code's validate_block in the node's own instance of it: without
// any storage, but without the metered stack and the smaller set of host functions that
// validators have. It spares a second compilation where only the answer counts; what
// validators say is package pvf's.
func (c *Code) ValidateBlock(ctx context.Context, p primitives.ValidationParams, maxPages uint32) (*primitives.ValidationResult, error) {
	const method = "validate_block"
	out, err := c.module.Call(ctx, method, p.EncodeTo(nil), executor.CallOptions{MaxPages: maxPages})
	if err != nil {
		return nil, err
	}
	result := &primitives.ValidationResult{}
	if err := scale.Decode(out, result); err != nil {
		return nil, fmt.Errorf("%s: decode result: %w", method, err)
	}
	return result, nil
}
