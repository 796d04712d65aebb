// Package parachaininfo is staging-parachain-info: the para id of the chain, as state.
package parachaininfo

import (
	"pileus/frame"
	"pileus/primitives"
)

// Pallet keeps the para id.
type Pallet struct {
	frame.Pallet
	ParachainID frame.Value[uint32]
}

// TypeParaID is the type of para ids in the metadata.
var TypeParaID = frame.Struct("polkadot_parachain_primitives::primitives::Id", nil, frame.TypeField{Type: frame.TypeU32, TypeName: "u32"})

// defaultID is the id of a chain whose genesis names none.
const defaultID = 100

// New declares the pallet.
func New() *Pallet {
	p := &Pallet{}
	p.Crate = "staging_parachain_info"
	p.NoCalls()
	p.ParachainID = frame.NewValueWith(&p.Pallet, "ParachainId", frame.U32.Named(TypeParaID), defaultID)
	return p
}

// SelfParaID is the para id.
func (p *Pallet) SelfParaID() primitives.ParaID { return primitives.ParaID(p.ParachainID.Get()) }

// API is GetParachainInfo.
func (p *Pallet) API() frame.API {
	return frame.API{Name: "GetParachainInfo", Version: 1, Methods: []frame.Method{
		frame.Answer("parachain_id", frame.U32.Named(TypeParaID), p.ParachainID.Get),
	}}
}

// GenesisKey is the pallet's field in the genesis config.
func (p *Pallet) GenesisKey() string { return "parachainInfo" }

// GenesisDefault is the default genesis config.
func (p *Pallet) GenesisDefault() string { return `{"parachainId":100}` }

// BuildGenesis writes the para id.
func (p *Pallet) BuildGenesis(c *frame.Config) error {
	if err := c.Only("parachainId"); err != nil {
		return err
	}
	field, err := c.Field("parachainId")
	if err != nil {
		return err
	}
	id, err := field.U32()
	if err == nil {
		p.ParachainID.Put(id)
	}
	return err
}
