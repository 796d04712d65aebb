package check

import (
	"encoding/hex"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"pileus"
	"pileus/chainspec"
	"pileus/hashing"
	"pileus/metadata"
	"pileus/parachain"
	"pileus/primitives"
	"pileus/runtimeapi"
	"pileus/scale"
	"pileus/trie"
	"pileus/wasmlink"
)

// probesVersion changes whenever probes are made otherwise than before, or kept otherwise.
const probesVersion = 3

// kept is what a real execution came to: all that the rows are judged by. It is the same
// whenever the release of this program, code, genesis and collators are the same.
type kept struct {
	Version    []byte // encoded
	Meta       []byte // encoded
	Compressed bool
	Unpacked   int
	Imports    []string
	Declared   []byte // the version that the sections say, encoded; empty: none
	Checker    bool

	Absent string
	Notes  []string
	Chain  *keptChain // nil: blocks could not be built
	Seen   Observations
}

// keptChain is what rows ask of the chain.
type keptChain struct {
	ParaID       primitives.ParaID
	SlotDuration uint64
	Offset       uint32
	V3           bool
	Rate         *uint32
	Timestamp    uint64
	ParaSlot     primitives.Slot
	Authorities  [][]byte
	Items        map[string][]byte // of the state, by hex key
}

// asked are the keys of the state that rows look at.
var asked = [][]byte{hashing.StorageKey("Aura", "Authorities"), hashing.StorageKey("AuraExt", "Authorities"), hashing.StorageKey("ParachainInfo", "ParachainId"), []byte(":heappages")}

// resultFile is where the results for a chain are kept, by all that they depend on; empty
// for a live chain, and where nothing is kept.
func resultFile(spec *chainspec.Spec, o Options, kinds []string) string {
	if o.Results == "" || o.Origin != nil {
		return ""
	}
	config := probeConfig()
	b := scale.AppendU32(scale.AppendString(nil, pileus.Version), probesVersion)
	b = scale.AppendString(scale.AppendString(b, strings.Join(kinds, ",")), o.Preset)
	b = config.EncodeTo(b)
	code := hashing.Blake2b256(spec.Code())
	b = append(b, code[:]...)
	if spec.ParaID != nil {
		b = scale.AppendU32(b, *spec.ParaID)
	}
	if r := spec.Genesis.Runtime; r != nil {
		b = scale.AppendString(scale.AppendBytes(scale.AppendBytes(b, r.Patch), r.Config), r.Preset)
	}
	if r := spec.Genesis.Raw; r != nil {
		b = appendPairs(b, r.Top)
		for _, id := range slices.Sorted(maps.Keys(r.Children)) {
			b = appendPairs(scale.AppendString(b, id), r.Children[id])
		}
	}
	key := hashing.Blake2b256(b)
	return filepath.Join(o.Results, hex.EncodeToString(key[:16])+".json")
}

func appendPairs(b []byte, pairs map[string][]byte) []byte {
	for _, k := range slices.Sorted(maps.Keys(pairs)) {
		b = scale.AppendBytes(scale.AppendString(b, k), pairs[k])
	}
	return b
}

// readResults is the subject as it was seen the last time; ok is false if it was not, or
// the file is no such thing.
func readResults(file string, spec *chainspec.Spec) (s *subject, ok bool) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, false
	}
	k := &kept{}
	if json.Unmarshal(raw, k) != nil {
		return nil, false
	}
	version := &runtimeapi.Version{}
	meta, err := metadata.Decode(k.Meta)
	if err != nil || scale.Decode(k.Version, version) != nil {
		return nil, false
	}
	code := spec.Code()
	info := &wasmlink.Info{Compressed: k.Compressed, StoredSize: len(code), UnpackedSize: k.Unpacked, CodeHash: hashing.Blake2b256(code), Imports: k.Imports}
	if declared := (&runtimeapi.Version{}); len(k.Declared) > 0 && scale.Decode(k.Declared, declared) == nil {
		info.Version = declared
	}
	s = &subject{static: &Static{Info: info, Version: version, Meta: meta, Checker: k.Checker}, absent: k.Absent, notes: k.Notes, seen: k.Seen, chain: k.Chain.open()}
	s.static.read()
	return s, true
}

// open is a chain of which only what was kept is there.
func (k *keptChain) open() *parachain.Chain {
	if k == nil {
		return nil
	}
	var pairs []trie.Pair
	for key, value := range k.Items {
		if raw, err := hex.DecodeString(key); err == nil {
			pairs = append(pairs, trie.Pair{Key: raw, Value: value})
		}
	}
	c := &parachain.Chain{ParaID: k.ParaID, State: trie.NewState(trie.FromPairs(trie.V1, pairs), nil)}
	f := &c.Facts
	f.SlotDuration, f.RelayParentOffset, f.SchedulingV3, f.TargetBlockRate, f.Timestamp, f.ParaSlot = k.SlotDuration, k.Offset, k.V3, k.Rate, k.Timestamp, k.ParaSlot
	for _, a := range k.Authorities {
		if len(a) == 32 {
			f.Authorities = append(f.Authorities, [32]byte(a))
		}
	}
	return c
}

// keepResults writes what was seen whole or not at all; a folder that cannot be written
// keeps nothing.
func (s *subject) keepResults(file string) {
	if file == "" || s.seen.Broken != "" {
		return
	}
	k := &kept{Version: s.static.Version.EncodeTo(nil), Meta: s.static.Meta.Encode(), Compressed: s.static.Compressed, Unpacked: s.static.UnpackedSize,
		Imports: s.static.Imports, Checker: s.static.Checker, Absent: s.absent, Notes: s.notes, Chain: keep(s.chain), Seen: s.seen}
	if v := s.static.Info.Version; v != nil {
		k.Declared = v.EncodeTo(nil)
	}
	raw, err := json.Marshal(k)
	if err != nil || os.MkdirAll(filepath.Dir(file), 0o755) != nil {
		return
	}
	f, err := os.CreateTemp(filepath.Dir(file), "check-*")
	if err != nil {
		return
	}
	_, err = f.Write(raw)
	if f.Close() != nil || err != nil || os.Rename(f.Name(), file) != nil {
		os.Remove(f.Name())
	}
}

func keep(c *parachain.Chain) *keptChain {
	if c == nil {
		return nil
	}
	f := &c.Facts
	k := &keptChain{ParaID: c.ParaID, SlotDuration: f.SlotDuration, Offset: f.RelayParentOffset, V3: f.SchedulingV3, Rate: f.TargetBlockRate,
		Timestamp: f.Timestamp, ParaSlot: f.ParaSlot, Items: map[string][]byte{}}
	for _, a := range f.Authorities {
		k.Authorities = append(k.Authorities, a[:])
	}
	for _, key := range asked {
		if v, ok, err := c.State.Top().Get(key, nil); ok && err == nil {
			k.Items[hex.EncodeToString(key)] = v
		}
	}
	return k
}
