package pileus

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"pileus/primitives"
	"pileus/scale"
)

// DefaultRelayConfig is the configuration of the embedded relay chain: that of today's
// polkadot-local preset with the prerequisites of the guide (lookahead 3,
// max_candidate_depth 3, allowed_ancestry_len 2) and two backing votes.
func DefaultRelayConfig() primitives.HostConfiguration {
	return primitives.HostConfiguration{
		MaxCodeSize: 3 << 20, MaxHeadDataSize: 32 << 10,
		MaxUpwardQueueCount: 8, MaxUpwardQueueSize: 1 << 20, MaxUpwardMessageSize: 50 << 10, MaxUpwardMessageNumPerCandidate: 5,
		HrmpMaxMessageNumPerCandidate: 5,
		ValidationUpgradeCooldown:     2, ValidationUpgradeDelay: 2, MinimumValidationUpgradeDelay: 5,
		AsyncBackingParams: primitives.AsyncBackingParams{MaxCandidateDepth: 3, AllowedAncestryLen: 2},
		MaxPoVSize:         10 << 20, MaxDownwardMessageSize: 1 << 20,
		HrmpMaxParachainOutboundChannels: 4, HrmpMaxParachainInboundChannels: 4,
		HrmpChannelMaxCapacity: 8, HrmpChannelMaxTotalSize: 8 << 10, HrmpChannelMaxMessageSize: 1 << 20,
		CodeRetentionPeriod: 1200, DisputePeriod: 6, DisputePostConclusionAcceptancePeriod: 100,
		NoShowSlots: 2, NDelayTranches: 25, NeededApprovals: 2, RelayVrfModuloSamples: 2, PvfVotingTTL: 2,
		MinimumBackingVotes:      2,
		NodeFeatures:             primitives.BitsOf(4, primitives.FeatureAssignmentsV2, primitives.FeatureElasticScaling, primitives.FeatureCandidateReceiptV2),
		MaxApprovalCoalesceCount: 1,
		SchedulerParams: primitives.SchedulerParams{
			GroupRotationFrequency: 20, ParasAvailabilityPeriod: 4, Lookahead: 3, NumCores: 0,
			OnDemandQueueMaxSize: 500, OnDemandTargetQueueUtilization: 250_000_000, OnDemandFeeVariability: 30_000_000,
			OnDemandBaseFee: scale.U128{Lo: 10_000_000},
		},
	}
}

// SettingError is a wrong name or value of a setting.
type SettingError struct{ Msg string }

// Error is one sentence.
func (e *SettingError) Error() string { return e.Msg }

// SetRelayConfig changes one field of the configuration: "scheduling_lookahead=1",
// "scheduler_params.lookahead=1", "lookahead=1". Names are those of HostConfiguration,
// nested ones dotted, or bare where that is unique.
func SetRelayConfig(c *primitives.HostConfiguration, setting string) error {
	name, value, ok := strings.Cut(setting, "=")
	if !ok {
		return &SettingError{fmt.Sprintf("%q is not of the form key=value", setting)}
	}
	fields := configFields(reflect.ValueOf(c).Elem(), "")
	full, err := findField(fields, strings.TrimSpace(name))
	if err != nil {
		return err
	}
	if err := setField(fields[full], strings.TrimSpace(value)); err != nil {
		return &SettingError{fmt.Sprintf("%s: %v", full, err)}
	}
	return nil
}

// LoadRelayConfig changes the fields that the JSON file names: an object of field names
// (dotted, bare or nested objects) and values.
func LoadRelayConfig(c *primitives.HostConfiguration, path string) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if len(raw) > 1<<20 {
		return fmt.Errorf("%s: larger than 1 MiB", path)
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var object map[string]any
	if err := d.Decode(&object); err != nil {
		return fmt.Errorf("%s is not a JSON object: %w", path, err)
	}
	var problems []error
	applyObject(c, "", object, &problems)
	if err := errors.Join(problems...); err != nil {
		return fmt.Errorf("%s: %s", path, oneLine(err))
	}
	return nil
}

// oneLine makes one sentence of joined errors.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

func applyObject(c *primitives.HostConfiguration, prefix string, object map[string]any, problems *[]error) {
	keys := make([]string, 0, len(object))
	for k := range object {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		if nested, ok := object[k].(map[string]any); ok {
			applyObject(c, prefix+k+".", nested, problems)
			continue
		}
		value := ""
		switch v := object[k].(type) {
		case nil:
			value = "none"
		case json.Number:
			value = v.String()
		case string:
			value = v
		default:
			b, _ := json.Marshal(v)
			value = string(b)
		}
		if err := SetRelayConfig(c, prefix+k+"="+value); err != nil {
			*problems = append(*problems, err)
		}
	}
}

// configFields are the leaves of the configuration by their dotted names.
func configFields(v reflect.Value, prefix string) map[string]reflect.Value {
	fields := map[string]reflect.Value{}
	for i := range v.NumField() {
		name, f := prefix+v.Type().Field(i).Tag.Get("json"), v.Field(i)
		if f.Kind() == reflect.Struct && (f.Type() == reflect.TypeFor[primitives.AsyncBackingParams]() || f.Type() == reflect.TypeFor[primitives.SchedulerParams]()) {
			for k, leaf := range configFields(f, name+".") {
				fields[k] = leaf
			}
			continue
		}
		fields[name] = f
	}
	return fields
}

func findField(fields map[string]reflect.Value, name string) (string, error) {
	if name == "scheduling_lookahead" { // the name of the runtime API
		name = "scheduler_params.lookahead"
	}
	if _, ok := fields[name]; ok {
		return name, nil
	}
	var bare []string
	best, distance := "", 1<<30
	for full := range fields {
		last := full[strings.LastIndex(full, ".")+1:]
		if last == name {
			bare = append(bare, full)
		}
		for _, candidate := range []string{full, last} {
			if d := editDistance(name, candidate); d < distance || d == distance && full < best {
				best, distance = full, d
			}
		}
	}
	if len(bare) == 1 {
		return bare[0], nil
	}
	return "", &SettingError{fmt.Sprintf("the host configuration has no field %q; the nearest is %q", name, best)}
}

func setField(f reflect.Value, value string) error {
	switch f.Interface().(type) {
	case uint32:
		n, err := parseU32(value)
		if err != nil {
			return err
		}
		f.SetUint(uint64(n))
	case *uint32:
		if value == "none" || value == "null" {
			f.Set(reflect.Zero(f.Type()))
			return nil
		}
		n, err := parseU32(value)
		if err != nil {
			return err
		}
		f.Set(reflect.ValueOf(&n))
	case scale.U128:
		n, ok := new(big.Int).SetString(value, 10)
		if !ok || n.Sign() < 0 || n.BitLen() > 128 {
			return fmt.Errorf("%q is not an integer of 128 bits", value)
		}
		lo := new(big.Int).And(n, new(big.Int).SetUint64(^uint64(0)))
		f.Set(reflect.ValueOf(scale.U128{Lo: lo.Uint64(), Hi: new(big.Int).Rsh(n, 64).Uint64()}))
	case primitives.BitVec:
		bits, err := parseBits(value)
		if err != nil {
			return err
		}
		f.Set(reflect.ValueOf(bits))
	case primitives.ExecutorParams:
		var p primitives.ExecutorParams
		if err := json.Unmarshal([]byte(value), &p); err != nil {
			return fmt.Errorf(`%q is not a list like [{"kind":6,"sub":0,"value":2500}]`, value)
		}
		f.Set(reflect.ValueOf(p))
	}
	return nil
}

func parseU32(value string) (uint32, error) {
	n, err := strconv.ParseUint(strings.ReplaceAll(value, "_", ""), 10, 32)
	if err != nil {
		return 0, fmt.Errorf("%q is not an integer from 0 to %d", value, ^uint32(0))
	}
	return uint32(n), nil
}

// parseBits reads the numbers of the set bits: "0,1,3", "[0,1,3]".
func parseBits(value string) (primitives.BitVec, error) {
	value = strings.Trim(value, "[] ")
	var set []int
	top := 0
	for _, s := range strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' }) {
		n, err := strconv.ParseUint(s, 10, 8)
		if err != nil {
			return primitives.BitVec{}, fmt.Errorf("%q is not a list of bit numbers like 0,1,3", value)
		}
		set, top = append(set, int(n)), max(top, int(n)+1)
	}
	return primitives.BitsOf(top, set...), nil
}

// relayConfigJSON is the configuration as it is printed with the settings of a run.
func relayConfigJSON(c *primitives.HostConfiguration) map[string]any {
	out := map[string]any{}
	for name, f := range configFields(reflect.ValueOf(c).Elem(), "") {
		switch v := f.Interface().(type) {
		case primitives.BitVec:
			set := []int{}
			for i := range v.Len() {
				if v.Get(i) {
					set = append(set, i)
				}
			}
			out[name] = set
		case scale.U128:
			n := new(big.Int).Lsh(new(big.Int).SetUint64(v.Hi), 64)
			out[name] = json.Number(n.Or(n, new(big.Int).SetUint64(v.Lo)).String())
		case primitives.ExecutorParams:
			out[name] = append(primitives.ExecutorParams{}, v...)
		default:
			out[name] = v
		}
	}
	return out
}

// editDistance is the number of letters to change, insert or delete (Levenshtein).
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal, row[j+1] = row[j+1], min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
