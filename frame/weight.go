package frame

import (
	"math"

	"pileus/scale"
)

// Weight is what execution costs: time, in 10^-12 s of the reference machine, and bytes
// of storage proof.
type Weight struct{ RefTime, ProofSize uint64 }

// WeightRefTimePerSecond is one second of the reference machine (WEIGHT_REF_TIME_PER_SECOND).
const WeightRefTimePerSecond = 1_000_000_000_000

// MaxWeight is more than any limit.
var MaxWeight = Weight{math.MaxUint64, math.MaxUint64}

// Add is the sum, at most the largest number.
func (w Weight) Add(v Weight) Weight {
	return Weight{satAdd(w.RefTime, v.RefTime), satAdd(w.ProofSize, v.ProofSize)}
}

// Sub is the difference, at least zero.
func (w Weight) Sub(v Weight) Weight {
	return Weight{satSub(w.RefTime, v.RefTime), satSub(w.ProofSize, v.ProofSize)}
}

// Min is the smaller in each dimension.
func (w Weight) Min(v Weight) Weight {
	return Weight{min(w.RefTime, v.RefTime), min(w.ProofSize, v.ProofSize)}
}

// Max is the greater in each dimension.
func (w Weight) Max(v Weight) Weight {
	return Weight{max(w.RefTime, v.RefTime), max(w.ProofSize, v.ProofSize)}
}

// Exceeds tells whether w is greater than v in any dimension.
func (w Weight) Exceeds(v Weight) bool { return w.RefTime > v.RefTime || w.ProofSize > v.ProofSize }

// EncodeTo appends the two numbers as compacts.
func (w Weight) EncodeTo(b []byte) []byte {
	return scale.AppendCompact(scale.AppendCompact(b, w.RefTime), w.ProofSize)
}

// DecodeFrom reads the SCALE encoding.
func (w *Weight) DecodeFrom(d *scale.Decoder) { w.RefTime, w.ProofSize = d.Compact(), d.Compact() }

// checkedAdd is the sum; false if it overflows.
func (w Weight) checkedAdd(v Weight) (Weight, bool) {
	s := w.Add(v)
	return s, s.RefTime-v.RefTime == w.RefTime && s.ProofSize-v.ProofSize == w.ProofSize
}

func satAdd(a, b uint64) uint64 {
	if s := a + b; s >= a {
		return s
	}
	return math.MaxUint64
}

func satSub(a, b uint64) uint64 {
	if a < b {
		return 0
	}
	return a - b
}

// RuntimeDbWeight is the time of one read and one write of storage.
type RuntimeDbWeight struct{ Read, Write uint64 }

// RocksDbWeight is that of a node on a disk database.
var RocksDbWeight = RuntimeDbWeight{Read: 25_000_000, Write: 100_000_000}

// With is w and the time of reads and writes.
func (r RuntimeDbWeight) With(w Weight, reads, writes uint64) Weight {
	return w.Add(Weight{RefTime: reads*r.Read + writes*r.Write})
}

// DispatchClass says against which part of a block's limits something counts.
type DispatchClass uint8

// The classes.
const (
	Normal      DispatchClass = 0
	Operational DispatchClass = 1
	Mandatory   DispatchClass = 2
)

// Pays says whether an extrinsic pays a fee.
type Pays uint8

// The two answers.
const (
	PaysYes Pays = 0
	PaysNo  Pays = 1
)

// DispatchInfo is what is known of an extrinsic before it runs.
type DispatchInfo struct {
	CallWeight      Weight
	ExtensionWeight Weight
	Class           DispatchClass
	Pays            Pays
}

// Total is the weight of call and extensions.
func (i DispatchInfo) Total() Weight { return i.CallWeight.Add(i.ExtensionWeight) }

// PostInfo is what is known after it ran. A nil weight is the declared one.
type PostInfo struct {
	ActualWeight *Weight
	Pays         Pays
}

// Actual is the weight used, never more than declared.
func (p PostInfo) Actual(info DispatchInfo) Weight {
	if p.ActualWeight == nil {
		return info.Total()
	}
	return p.ActualWeight.Min(info.Total())
}

// PaysFee tells whether the extrinsic pays: both the declaration and the call must say so.
func (p PostInfo) PaysFee(info DispatchInfo) Pays {
	if info.Pays == PaysNo || p.Pays == PaysNo {
		return PaysNo
	}
	return PaysYes
}

// PerDispatchClass is the weight used in a block, by class.
type PerDispatchClass [3]Weight

// Total is the sum over the classes.
func (p PerDispatchClass) Total() Weight { return p[0].Add(p[1]).Add(p[2]) }

// EncodeTo appends the SCALE encoding.
func (p PerDispatchClass) EncodeTo(b []byte) []byte {
	return p[2].EncodeTo(p[1].EncodeTo(p[0].EncodeTo(b)))
}

// WeightsPerClass limits one class; nil is no limit.
type WeightsPerClass struct {
	BaseExtrinsic Weight
	MaxExtrinsic  *Weight
	MaxTotal      *Weight
	Reserved      *Weight
}

// BlockWeights limits a block (frame_system::limits::BlockWeights).
type BlockWeights struct {
	BaseBlock Weight
	MaxBlock  Weight
	PerClass  [3]WeightsPerClass
}

// DefaultBlockWeights divides max among the classes as runtimes do: three quarters for
// normal extrinsics, the last quarter reserved for operational ones, mandatory ones
// unlimited. One extrinsic may use its class less 5 % of the block, which hooks may need.
func DefaultBlockWeights(max Weight) BlockWeights {
	base := Weight{RefTime: 108_157_000}
	quarter := func(w Weight, n uint64) Weight { return Weight{w.RefTime / 4 * n, w.ProofSize / 4 * n} }
	normal := quarter(max, 3)
	reserved := max.Sub(normal)
	hooks := Weight{fivePercent(max.RefTime), fivePercent(max.ProofSize)}
	normalMax := normal.Sub(hooks).Sub(base)
	operationalMax := max.Sub(hooks).Sub(base)
	zero := Weight{}
	return BlockWeights{
		BaseBlock: Weight{RefTime: 431_614_000},
		MaxBlock:  max,
		PerClass: [3]WeightsPerClass{
			Normal:      {base, &normalMax, &normal, &zero},
			Operational: {base, &operationalMax, &max, &reserved},
			Mandatory:   {BaseExtrinsic: base},
		},
	}
}

// fivePercent is 5 % of n, rounded to the nearest, halves down, as Perbill does.
func fivePercent(n uint64) uint64 {
	whole, rest := n/20, n%20
	if rest > 10 {
		whole++
	}
	return whole
}

// EncodeTo appends the SCALE encoding.
func (w BlockWeights) EncodeTo(b []byte) []byte {
	b = w.MaxBlock.EncodeTo(w.BaseBlock.EncodeTo(b))
	for _, c := range w.PerClass {
		b = c.BaseExtrinsic.EncodeTo(b)
		for _, limit := range []*Weight{c.MaxExtrinsic, c.MaxTotal, c.Reserved} {
			b = scale.AppendOption(b, limit, func(b []byte, w Weight) []byte { return w.EncodeTo(b) })
		}
	}
	return b
}

// BlockLength limits the bytes of a block, header included, by class.
type BlockLength struct {
	Max       [3]uint32
	MaxHeader *uint32 // nil: a fifth of the largest class
}

// DefaultBlockLength gives three quarters of max to normal extrinsics.
func DefaultBlockLength(max uint32) BlockLength {
	return BlockLength{Max: [3]uint32{max / 4 * 3, max, max}}
}

func (l BlockLength) header() uint32 {
	if l.MaxHeader != nil {
		return *l.MaxHeader
	}
	return max(l.Max[0], l.Max[1], l.Max[2]) / 5
}

// EncodeTo appends the SCALE encoding.
func (l BlockLength) EncodeTo(b []byte) []byte {
	for _, n := range l.Max {
		b = scale.AppendU32(b, n)
	}
	return scale.AppendOption(b, l.MaxHeader, scale.AppendU32)
}
