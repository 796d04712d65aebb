package check

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"

	"pileus"
	"pileus/hashing"
	"pileus/scale"
)

// probesVersion changes whenever probes are made otherwise than before.
const probesVersion = 1

// resultKey names observations by all that they depend on: the release of this program,
// the code, the state, the collators and the configuration of the relay chain that the
// probes play.
func (s *subject) resultKey(kinds []string) string {
	config := probeConfig()
	b := scale.AppendString(nil, pileus.Version)
	b = scale.AppendU32(b, probesVersion)
	b = scale.AppendString(b, strings.Join(kinds, ","))
	b = append(b, s.code.Hash[:]...)
	root := s.chain.State.Root()
	b = append(b, root[:]...)
	key := hashing.Blake2b256(config.EncodeTo(b))
	return hex.EncodeToString(key[:16])
}

func readResults(folder, key string) (*Observations, bool) {
	if folder == "" {
		return nil, false
	}
	raw, err := os.ReadFile(filepath.Join(folder, key+".json"))
	if err != nil {
		return nil, false
	}
	seen := &Observations{}
	if json.Unmarshal(raw, seen) != nil || len(seen.Probes) == 0 {
		return nil, false
	}
	return seen, true
}

// keepResults writes observations whole or not at all; a cache that cannot be written is none.
func keepResults(folder, key string, seen *Observations) {
	raw, err := json.Marshal(seen)
	if folder == "" || err != nil || os.MkdirAll(folder, 0o755) != nil {
		return
	}
	f, err := os.CreateTemp(folder, "check-*")
	if err != nil {
		return
	}
	_, err = f.Write(raw)
	if f.Close() != nil || err != nil || os.Rename(f.Name(), filepath.Join(folder, key+".json")) != nil {
		os.Remove(f.Name())
	}
}
