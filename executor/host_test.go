package executor

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"

	"github.com/tetratelabs/wazero/api"

	"pileus/internal/testdata"
	"pileus/scale"
	"pileus/trie"
)

// slab is a memory without an instance.
type slab struct {
	api.Memory
	b   []byte
	max uint32 // pages
}

func (s *slab) Size() uint32 { return uint32(len(s.b)) }

func (s *slab) Grow(pages uint32) (uint32, bool) {
	before := uint32(len(s.b) / pageSize)
	if before+pages > s.max {
		return 0, false
	}
	s.b = append(s.b, make([]byte, pages*pageSize)...)
	return before, true
}

func (s *slab) Read(at, n uint32) ([]byte, bool) {
	if uint64(at)+uint64(n) > uint64(len(s.b)) {
		return nil, false
	}
	return s.b[at : at+n : at+n], true
}

func (s *slab) Write(at uint32, b []byte) bool {
	view, ok := s.Read(at, uint32(len(b)))
	copy(view, b)
	return ok
}

// guest calls host functions as a runtime does: arguments lie in its memory.
type guest struct{ *env }

func newGuest(s *Storage) *guest {
	return &guest{&env{
		mem: &slab{b: make([]byte, pageSize), max: 1024}, alloc: newAllocator(newHeap(), 8, 1024), storage: s, opts: &CallOptions{},
		ctx: context.Background(), module: &Module{machineCode: &machineCode{engine: &Engine{}}, set: PVF},
	}}
}

// call passes []byte as a fat pointer or, where the function takes a pointer, as one;
// numbers as they are. It returns the raw result.
func (g *guest) call(name string, args ...any) (result uint64, err error) {
	f := functions[name]
	if f == nil || len(f.typ.Params) != len(args) {
		panic(fmt.Sprintf("%s with %d arguments", name, len(args)))
	}
	stack := make([]uint64, max(1, len(args)))
	for i, a := range args {
		switch a := a.(type) {
		case []byte:
			stack[i] = g.fat(a)
			if f.typ.Params[i] == api.ValueTypeI32 {
				stack[i] &= 1<<32 - 1
			}
		case uint64:
			stack[i] = a
		case int:
			stack[i] = uint64(a)
		}
	}
	defer func() {
		if r := recover(); r != nil {
			h, ok := r.(*hostError)
			if !ok {
				panic(r)
			}
			err = h
		}
	}()
	f.run(g.env, stack)
	return stack[0], nil
}

// answer is the result as bytes: those of a fat pointer, or n at a pointer.
func (g *guest) answer(t testing.TB, n int, name string, args ...any) []byte {
	t.Helper()
	r, err := g.call(name, args...)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if n > 0 {
		r |= uint64(n) << 32
	}
	return g.clone(r)
}

func (g *guest) truth(t testing.TB, name string, args ...any) bool {
	t.Helper()
	r, err := g.call(name, args...)
	if err != nil || r > 1 {
		t.Fatalf("%s: %d, %v", name, r, err)
	}
	return r == 1
}

type overlayStep struct {
	Op, Result                              any
	Key, Value, Item, Prefix, Cursor, Child testdata.Hex
	Limit                                   *uint32
	RootV0                                  testdata.Hex `json:"root_v0"`
	RootV1                                  testdata.Hex `json:"root_v1"`
	HasCursor                               bool         `json:"-"`
}

type overlayFile struct {
	Pairs    [][2]testdata.Hex `json:"backend_pairs"`
	Children []struct {
		ID    testdata.Hex `json:"storage_key"`
		Pairs [][2]testdata.Hex
	} `json:"backend_children"`
	RootV0 testdata.Hex `json:"backend_root_v0"`
	RootV1 testdata.Hex `json:"backend_root_v1"`
	Cases  []struct {
		Name   string
		Steps  []overlayStep
		RootV0 testdata.Hex      `json:"final_root_v0"`
		RootV1 testdata.Hex      `json:"final_root_v1"`
		Pairs  [][2]testdata.Hex `json:"final_top_pairs"`
	}
}

func changesOf(pairs [][2]testdata.Hex) (list []trie.Change) {
	for _, p := range pairs {
		list = append(list, trie.Change{Key: p[0], Value: p[1]})
	}
	return list
}

func (f *overlayFile) state(t testing.TB, v trie.Version) *trie.State {
	var children []trie.ChildChanges
	for _, c := range f.Children {
		children = append(children, trie.ChildChanges{ID: c.ID, Changes: changesOf(c.Pairs)})
	}
	s, err := trie.NewState(trie.New(), nil).Apply(v, changesOf(f.Pairs), children, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Every case of the overlay, through the host functions, in both layouts.
func TestOverlayVectors(t *testing.T) {
	var file overlayFile
	testdata.ReadJSON(t, "vectors/overlay.json", &file)
	for v, want := range map[trie.Version]testdata.Hex{trie.V0: file.RootV0, trie.V1: file.RootV1} {
		state := file.state(t, v)
		if root := state.Root(); !bytes.Equal(root[:], want) {
			t.Fatalf("the state before has root %v, want %x", root, want)
		}
		for _, c := range file.Cases {
			t.Run(fmt.Sprintf("V%d/%s", v, c.Name), func(t *testing.T) {
				storage := NewStorage(state, nil)
				g := newGuest(storage)
				for i := range c.Steps {
					g.step(t, i, &c.Steps[i], v)
				}
				root := g.answer(t, 0, "ext_storage_root_version_2", int(v))
				final, err := storage.Finish(v)
				if err != nil {
					t.Fatal(err)
				}
				want := c.RootV0
				if v == trie.V1 {
					want = c.RootV1
				}
				if got := final.Root(); !bytes.Equal(got[:], want) {
					t.Errorf("final root %v, want %x", got, want)
				}
				// Vectors end without open transactions but for those of "root in the middle".
				if storage.depth == 0 && !bytes.Equal(root, want) {
					t.Errorf("root %x, want %x", root, want)
				}
				checkPairs(t, final, c.Pairs)
			})
		}
	}
}

func checkPairs(t *testing.T, s *trie.State, want [][2]testdata.Hex) {
	t.Helper()
	it, err := s.Top().Iter(nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for {
		key, ok, err := it.Next()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			break
		}
		if childKeyed(key) {
			continue
		}
		value, err := it.Value()
		if err != nil || len(want) == 0 || !bytes.Equal(key, want[0][0]) || !bytes.Equal(value, want[0][1]) {
			t.Fatalf("%x has %x (%v), want %x", key, value, err, want)
		}
		want = want[1:]
	}
	if len(want) != 0 {
		t.Errorf("missing: %x", want)
	}
}

func optionU32(v *uint32) []byte { return scale.AppendOption(nil, v, scale.AppendU32) }

// step makes one step and compares its result.
func (g *guest) step(t *testing.T, i int, s *overlayStep, v trie.Version) {
	t.Helper()
	wantOption := func(got []byte) {
		t.Helper()
		want := []byte{0}
		if s.Result != nil {
			var h testdata.Hex
			if err := h.UnmarshalText([]byte(s.Result.(string))); err != nil {
				t.Fatal(err)
			}
			want = scale.AppendBytes([]byte{1}, h)
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("step %d, %v %x: %x, want %x", i, s.Op, s.Key, got, want)
		}
	}
	wantRoot := func(got []byte) {
		t.Helper()
		want := s.RootV0
		if v == trie.V1 {
			want = s.RootV1
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("step %d, %v %x: %x, want %x", i, s.Op, s.Child, got, want)
		}
	}
	plain := func(name string, args ...any) {
		t.Helper()
		_, err := g.call(name, args...)
		if want, told := s.Result.(string); (err == nil) != (!told || want == "ok") {
			t.Fatalf("step %d, %v: %v, want %q", i, s.Op, err, want)
		}
	}
	switch s.Op {
	case "get":
		wantOption(g.answer(t, 0, "ext_storage_get_version_1", []byte(s.Key)))
	case "exists":
		if got := g.truth(t, "ext_storage_exists_version_1", []byte(s.Key)); got != s.Result {
			t.Fatalf("step %d, exists %x: %v", i, s.Key, got)
		}
	case "set":
		plain("ext_storage_set_version_1", []byte(s.Key), []byte(s.Value))
	case "clear":
		plain("ext_storage_clear_version_1", []byte(s.Key))
	case "append":
		plain("ext_storage_append_version_1", []byte(s.Key), []byte(s.Item))
	case "next_key":
		wantOption(g.answer(t, 0, "ext_storage_next_key_version_1", []byte(s.Key)))
	case "root":
		wantRoot(g.answer(t, 0, "ext_storage_root_version_2", int(v)))
	case "start":
		plain("ext_storage_start_transaction_version_1")
	case "commit":
		plain("ext_storage_commit_transaction_version_1")
	case "rollback":
		plain("ext_storage_rollback_transaction_version_1")
	case "child_get":
		wantOption(g.answer(t, 0, "ext_default_child_storage_get_version_1", []byte(s.Child), []byte(s.Key)))
	case "child_set":
		plain("ext_default_child_storage_set_version_1", []byte(s.Child), []byte(s.Key), []byte(s.Value))
	case "child_clear":
		plain("ext_default_child_storage_clear_version_1", []byte(s.Child), []byte(s.Key))
	case "child_next_key":
		wantOption(g.answer(t, 0, "ext_default_child_storage_next_key_version_1", []byte(s.Child), []byte(s.Key)))
	case "child_root":
		wantRoot(g.answer(t, 0, "ext_default_child_storage_root_version_2", []byte(s.Child), int(v)))
	case "clear_prefix", "child_kill", "child_clear_prefix":
		g.remove(t, i, s)
	default:
		t.Fatalf("step %d: unknown operation %v", i, s.Op)
	}
}

// remove makes a step that removes many keys, by the newest version of its host function,
// which tells all; what the older ones return is derived from that and compared too.
func (g *guest) remove(t *testing.T, i int, s *overlayStep) {
	t.Helper()
	want := s.Result.(map[string]any)
	cursor := []byte{0}
	if s.Cursor != nil {
		cursor = scale.AppendBytes([]byte{1}, s.Cursor)
	}
	limit := optionU32(s.Limit)
	var got []byte
	switch s.Op {
	case "clear_prefix":
		got = g.answer(t, 0, "ext_storage_clear_prefix_version_3", []byte(s.Prefix), limit, cursor)
	case "child_kill":
		got = g.answer(t, 0, "ext_default_child_storage_storage_kill_version_4", []byte(s.Child), limit, cursor)
	default:
		got = g.answer(t, 0, "ext_default_child_storage_clear_prefix_version_3", []byte(s.Child), []byte(s.Prefix), limit, cursor)
	}
	d := scale.NewDecoder(got)
	at := scale.DecodeOption(d, func(d *scale.Decoder) []byte { return d.Bytes(1 << 16) })
	r := Removed{Backend: d.U32(), Unique: d.U32(), Loops: d.U32()}
	if at != nil {
		r.Cursor = *at
	}
	text := "<nil>"
	if r.Cursor != nil {
		text = fmt.Sprintf("0x%x", r.Cursor)
	}
	if d.Finish() != nil || text != fmt.Sprint(want["cursor"]) || float64(r.Backend) != want["backend"] ||
		float64(r.Unique) != want["unique"] || float64(r.Loops) != want["loops"] {
		t.Fatalf("step %d, %v: %+v, want %v", i, s.Op, r, want)
	}
	if told := fmt.Sprintf("0x%x", killResult(r)); told != want["host_result"] {
		t.Fatalf("step %d, %v: the older function tells %s, want %v", i, s.Op, told, want["host_result"])
	}
}

// The host functions of hashing and crypto.
func TestCryptoVectors(t *testing.T) {
	var file struct {
		Hashes        []map[string]testdata.Hex
		Sr25519Verify []cryptoCase  `json:"sr25519_verify"`
		Ed25519Verify []cryptoCase  `json:"ed25519_verify"`
		EcdsaVerify   []cryptoCase  `json:"ecdsa_verify"`
		EcdsaRecover  []recoverCase `json:"ecdsa_recover"`
	}
	testdata.ReadJSON(t, "vectors/crypto.json", &file)
	if len(file.Sr25519Verify)*len(file.Ed25519Verify)*len(file.EcdsaVerify)*len(file.EcdsaRecover) == 0 {
		t.Fatal("a list is empty")
	}
	g := newGuest(nil)
	check := func(what string, c cryptoCase, want any, name string, sig, public int) {
		t.Helper()
		if len(c.Signature) != sig || len(c.Public) != public || want == nil {
			return // the vector is about another length
		}
		if got := g.truth(t, name, []byte(c.Signature), []byte(c.Message), []byte(c.Public)); got != want {
			t.Errorf("%s %s: %v", what, c.Name, got)
		}
	}
	for _, c := range file.Sr25519Verify {
		check("sr25519", c, c.Verify, "ext_crypto_sr25519_verify_version_2", 64, 32)
		check("sr25519 in a batch", c, c.Verify, "ext_crypto_sr25519_batch_verify_version_1", 64, 32)
		check("sr25519, version 1", c, c.VerifyV1, "ext_crypto_sr25519_verify_version_1", 64, 32)
	}
	for _, c := range file.Ed25519Verify {
		check("ed25519", c, c.Verify, "ext_crypto_ed25519_verify_version_1", 64, 32)
	}
	for _, c := range file.EcdsaVerify {
		check("ecdsa", c, c.Verify, "ext_crypto_ecdsa_verify_version_2", 65, 33)
	}
	for _, c := range file.EcdsaRecover {
		got := g.answer(t, 0, "ext_crypto_secp256k1_ecdsa_recover_version_2", []byte(c.Signature), []byte(c.Digest))
		if !bytes.Equal(got, c.Result) {
			t.Errorf("recover %s: %x, want %x", c.Name, got, c.Result)
		}
	}
}

type cryptoCase struct {
	Name      string
	Public    testdata.Hex `json:"public"`
	Message   testdata.Hex
	Signature testdata.Hex
	Verify    any
	VerifyV1  any `json:"verify_v1_host"`
}

type recoverCase struct {
	Name      string
	Signature testdata.Hex
	Digest    testdata.Hex
	Result    testdata.Hex `json:"v2_scale_result"`
}

func TestBatch(t *testing.T) {
	g := newGuest(nil)
	if _, err := g.call("ext_crypto_finish_batch_verify_version_1"); err == nil {
		t.Error("a batch was finished that was not started")
	}
	for _, good := range []bool{true, false} {
		if _, err := g.call("ext_crypto_start_batch_verify_version_1"); err != nil {
			t.Fatal(err)
		}
		if _, err := g.call("ext_crypto_start_batch_verify_version_1"); err == nil {
			t.Error("a second batch was started")
		}
		if !good {
			g.truth(t, "ext_crypto_sr25519_batch_verify_version_1", make([]byte, 64), []byte("m"), make([]byte, 32))
		}
		if got := g.truth(t, "ext_crypto_finish_batch_verify_version_1"); got != good {
			t.Errorf("the batch is %v, want %v", got, good)
		}
	}
}

func TestHashFunctions(t *testing.T) {
	var file struct{ Hashes []map[string]testdata.Hex }
	testdata.ReadJSON(t, "vectors/crypto.json", &file)
	g := newGuest(nil)
	for _, c := range file.Hashes {
		for _, name := range []string{"blake2_128", "blake2_256", "twox_64", "twox_128", "twox_256", "keccak_256", "keccak_512", "sha2_256"} {
			want, ok := c[name]
			if !ok {
				t.Fatalf("no vector of %s", name)
			}
			if got := g.answer(t, len(want), "ext_hashing_"+name+"_version_1", []byte(c["input"])); !bytes.Equal(got, want) {
				t.Errorf("%s of %x: %x, want %x", name, c["input"], got, want)
			}
		}
	}
}

func TestTrieFunctions(t *testing.T) {
	g := newGuest(nil)
	items := [][]byte{{1}, bytes.Repeat([]byte{2}, 40)}
	for v, name := range map[trie.Version]string{trie.V0: "ext_trie_blake2_256_ordered_root_version_1", trie.V1: "ext_trie_blake2_256_ordered_root_version_2"} {
		args := []any{scale.AppendBytesVec(nil, items)}
		if v == trie.V1 {
			args = append(args, 1)
		}
		want := trie.OrderedRoot(v, items)
		if got := g.answer(t, 32, name, args...); !bytes.Equal(got, want[:]) {
			t.Errorf("%s: %x", name, got)
		}
	}
	if _, err := g.call("ext_trie_blake2_256_ordered_root_version_2", []byte{0}, 2); err == nil {
		t.Error("state version 2 exists")
	}
}

// A root, once known, is not asked for again until something other than an append or a
// commit comes; the root of a child is then what the main trie says (sp-state-machine).
func TestRootIsKept(t *testing.T) {
	var file overlayFile
	testdata.ReadJSON(t, "vectors/overlay.json", &file)
	s := NewStorage(file.state(t, trie.V1), nil)
	g := newGuest(s)
	id := []byte(file.Children[0].ID)
	root := func() string { return string(g.answer(t, 0, "ext_storage_root_version_2", 1)) }
	child := func() string {
		return string(g.answer(t, 0, "ext_default_child_storage_root_version_2", id, 1))
	}
	before := root()
	if _, err := g.call("ext_storage_append_version_1", []byte("list"), []byte{3}); err != nil {
		t.Fatal(err)
	}
	if root() != before {
		t.Error("an append makes the root anew")
	}
	if _, err := g.call("ext_storage_set_version_1", []byte("new"), []byte{3}); err != nil {
		t.Fatal(err)
	}
	if root() == before {
		t.Error("a set does not make the root anew")
	}
	old := child()
	if _, err := g.call("ext_default_child_storage_set_version_1", id, []byte("k"), []byte("v")); err != nil {
		t.Fatal(err)
	}
	root()
	if child() != old {
		t.Error("behind a known main root the child's root is not what the main trie below says")
	}
	if _, err := g.call("ext_default_child_storage_set_version_1", id, []byte("k"), []byte("w")); err != nil {
		t.Fatal(err)
	}
	if child() == old {
		t.Error("the child's root is not made anew")
	}
}

// read copies into the guest's buffer and tells how much there is from the offset on.
func TestRead(t *testing.T) {
	s := NewStorage(trie.NewState(trie.New(), nil), nil)
	s.Set([]byte("k"), []byte("0123456789"))
	g := newGuest(s)
	for _, c := range []struct {
		key    string
		offset int
		want   string // result
		buffer string
	}{
		{"k", 0, "010a000000", "01234"}, {"k", 7, "0103000000", "789.."}, {"k", 10, "0100000000", "....."},
		{"k", 99, "0100000000", "....."}, {"absent", 0, "00", "....."},
	} {
		buffer := g.fat([]byte("....."))
		got := g.answer(t, 0, "ext_storage_read_version_1", []byte(c.key), buffer, c.offset)
		if fmt.Sprintf("%x", got) != c.want || string(g.bytes(buffer)) != c.buffer {
			t.Errorf("%s from %d: %x, %q", c.key, c.offset, got, g.bytes(buffer))
		}
	}
}

// A storage that is a proof with holes: reads fail with a typed error, a root is the old one.
func TestMissingNode(t *testing.T) {
	var pairs []trie.Pair
	for i := range 200 {
		pairs = append(pairs, trie.Pair{Key: binary.BigEndian.AppendUint32(nil, uint32(i)*0x01010101), Value: bytes.Repeat([]byte{byte(i)}, 40)})
	}
	full := trie.FromPairs(trie.V1, pairs)
	proof, err := trie.ReadProof(full, [][]byte{pairs[0].Key})
	if err != nil {
		t.Fatal(err)
	}
	part, err := trie.StateFromProof(full.Root(), proof)
	if err != nil {
		t.Fatal(err)
	}
	g := newGuest(NewStorage(part, nil))
	if got := g.answer(t, 0, "ext_storage_get_version_1", pairs[0].Key); len(got) != 42 {
		t.Errorf("the proven value is %x", got)
	}
	_, err = g.call("ext_storage_get_version_1", pairs[150].Key)
	var missing *trie.MissingNodeError
	if !errors.As(err, &missing) {
		t.Errorf("reading beyond the proof: %v", err)
	}
	if _, err := g.call("ext_storage_set_version_1", pairs[150].Key, []byte{1}); err != nil {
		t.Fatal(err)
	}
	if got := g.answer(t, 0, "ext_storage_root_version_2", 1); !bytes.Equal(got, func() []byte { r := full.Root(); return r[:] }()) {
		t.Errorf("root with a missing node: %x", got)
	}
	if _, err := g.storage.Finish(trie.V1); !errors.As(err, &missing) {
		t.Errorf("finish with a missing node: %v", err)
	}
}

// What the offchain index was told, transactions included.
func TestOffchainIndex(t *testing.T) {
	s := NewStorage(trie.NewState(trie.New(), nil), nil)
	g := newGuest(s)
	for _, c := range []struct {
		name string
		args []any
	}{
		{"ext_offchain_index_set_version_1", []any{[]byte("b"), []byte("1")}},
		{"ext_storage_start_transaction_version_1", nil},
		{"ext_offchain_index_set_version_1", []any{[]byte("a"), []byte("2")}},
		{"ext_offchain_index_clear_version_1", []any{[]byte("b")}},
		{"ext_storage_rollback_transaction_version_1", nil},
		{"ext_offchain_index_clear_version_1", []any{[]byte("c")}},
	} {
		if _, err := g.call(c.name, c.args...); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	s.OffchainIndex(func(key, value []byte) { got = append(got, fmt.Sprintf("%s=%s%v", key, value, value == nil)) })
	if fmt.Sprint(got) != "[b=1false c=true]" {
		t.Error(got)
	}
}
