package crypto

import "strconv"

// DevKey is a development account: its name and its sr25519 pair, which is that of the
// secret URI "//" ++ name. Anybody can sign with it.
type DevKey struct {
	Name string
	Pair *Sr25519Pair
}

var devNames = []string{"Alice", "Bob", "Charlie", "Dave", "Eve", "Ferdie"}

// DevName is the name of the i-th development account: Alice, Bob, Charlie, Dave, Eve,
// Ferdie (sp_keyring), then Dev6, Dev7 and so on. A negative i counts as 0.
func DevName(i int) string {
	if i < 0 {
		i = 0
	}
	if i < len(devNames) {
		return devNames[i]
	}
	return "Dev" + strconv.Itoa(i)
}

// DevKeys is the first n development accounts, in the order of [DevName].
func DevKeys(n int) []DevKey {
	keys := make([]DevKey, max(n, 0))
	for i := range keys {
		keys[i] = NewDevKey(DevName(i))
	}
	return keys
}

// NewDevKey is the development account of any name. The name is one hard junction even
// where it holds a slash, so every name has a key.
func NewDevKey(name string) DevKey {
	root := NewSr25519FromSeed(devSeed())
	return DevKey{Name: name, Pair: root.DeriveHard(NewJunction(name, true).Code)}
}
