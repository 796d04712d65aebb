package rpc

import (
	"context"
	"math/big"

	"pileus/dev/rpc/jsonrpc"
	"pileus/scale"
)

// addPayment registers the group payment.
func (p *pool) addPayment(m *jsonrpc.Methods) {
	m.Add(p.queryInfo, "payment_queryInfo")
	m.Add(p.queryFeeDetails, "payment_queryFeeDetails")
}

func number(v scale.U128) *big.Int {
	n := new(big.Int).SetUint64(v.Hi)
	return n.Add(n.Lsh(n, 64), new(big.Int).SetUint64(v.Lo))
}

// question reads the parameters of both methods: the extrinsic without its prefix, and the block.
func question(c *jsonrpc.Call, p *pool, what string) (xt []byte, at Hash, err error) {
	given, hash := c.Bytes("extrinsic"), c.OptHash("at")
	if err := c.Err(); err != nil {
		return nil, at, err
	}
	xt, err = inner(given)
	if err != nil {
		return nil, at, fail(codeDecode, "Unable to query "+what+".", err.Error())
	}
	return xt, p.at(hash), nil
}

func (p *pool) queryInfo(ctx context.Context, c *jsonrpc.Call) (any, error) {
	xt, at, err := question(c, p, "dispatch info")
	if err != nil {
		return nil, err
	}
	runtime, err := p.runtimeAt(ctx, at)
	if err != nil {
		return nil, clientError(err)
	}
	info, err := runtime.QueryInfo(ctx, xt)
	if err != nil {
		return nil, fail(codeRuntime, "Unable to query dispatch info.", err.Error())
	}
	classes := [...]string{"normal", "operational", "mandatory"}
	return map[string]any{
		"weight":     map[string]uint64{"ref_time": info.RefTime, "proof_size": info.ProofSize},
		"class":      classes[min(int(info.Class), len(classes)-1)],
		"partialFee": number(info.PartialFee).String(),
	}, nil
}

func (p *pool) queryFeeDetails(ctx context.Context, c *jsonrpc.Call) (any, error) {
	xt, at, err := question(c, p, "fee details")
	if err != nil {
		return nil, err
	}
	full := scale.AppendBytes(nil, xt)
	out, err := p.call(ctx, at, "TransactionPaymentApi_query_fee_details", scale.AppendU32(full, uint32(len(full))))
	if err != nil {
		return nil, fail(codeRuntime, "Unable to query fee details.", err.Error())
	}
	d := scale.NewDecoder(out)
	var fee any
	if d.Option() {
		hex := func() string { return "0x" + number(d.U128()).Text(16) }
		fee = map[string]string{"baseFee": hex(), "lenFee": hex(), "adjustedWeightFee": hex()}
	}
	if err := d.Err(); err != nil {
		return nil, fail(codeRuntime, "Unable to query fee details.", err.Error())
	}
	return map[string]any{"inclusionFee": fee}, nil
}
