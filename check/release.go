package check

import (
	"pileus/metadata"
	"pileus/runtimeapi"
)

// Release is a line of releases of the parachain pallets (cumulus-pallet-parachain-system
// and cumulus-pallet-aura-ext), told by what the metadata has. Lines differ in their rules.
type Release struct {
	Crates string `json:"crates"` // versions of cumulus-pallet-parachain-system
	SDK    string `json:"sdk"`
	Rule   string `json:"slot_rule"` // that its velocity hook has for the parachain's slot
}

const (
	ruleEqual  = "the slot must be the relay-derived one"
	ruleWindow = "the slot may be ahead of the relay-derived one by the velocity"
	rulePast   = "the slot must not be ahead of the relay-derived one"
	ruleNone   = "no velocity hook"
)

// releaseOf tells the line of releases. The signs, newest first, are storage items and
// calls that came or went with a release.
func releaseOf(m *metadata.Metadata, v *runtimeapi.Version) Release {
	system := func(item string) bool { _, _, err := m.StorageEntry("ParachainSystem", item); return err == nil }
	ext := func(item string) bool { _, _, err := m.StorageEntry("AuraExt", item); return err == nil }
	api := func(trait string) uint32 { n, _ := v.API(trait); return n }
	switch {
	case system("PendingApprovedPeer") && (api(runtimeapi.RelayParentOffsetApi) >= 2 || api(runtimeapi.SchedulingV3EnabledApi) > 0):
		return Release{"0.29 to 0.32", "stable2606, stable2609", ruleEqual}
	case system("PendingApprovedPeer") && api(runtimeapi.RelayParentOffsetApi) == 1:
		return Release{"0.27, 0.28", "unstable2604", ruleEqual}
	case system("PendingApprovedPeer"):
		return Release{"0.27 or later", "unstable2604 or later", ruleEqual}
	case system("PoVMessagesTracker"):
		return Release{"0.26", "stable2603", ruleEqual}
	case system("PendingUpwardSignals"):
		return Release{"0.25", "stable2512", ruleEqual}
	case system("LastProcessedDownwardMessage"):
		return Release{"0.22 to 0.24", "unstable2507, stable2509", rulePast}
	case ext("RelaySlotInfo") && api(runtimeapi.CollectCollationInfo) >= 3:
		return Release{"0.21", "stable2506", rulePast}
	case ext("RelaySlotInfo"):
		return Release{"0.20", "stable2503", rulePast}
	case ext("SlotInfo") && !hasCall(m, "authorize_upgrade"):
		return Release{"0.17, 0.18", "stable2409, stable2412", ruleWindow}
	case ext("SlotInfo"):
		return Release{"0.2 to 0.16", "September 2023 to stable2407", ruleEqual}
	case system("UnincludedSegment"):
		return Release{"0.2 or later", "September 2023 or later, without AuraExt's slots", ruleNone}
	}
	return Release{"0.1", "August 2023 or before", ruleNone}
}

// hasCall tells whether ParachainSystem has a call of that name.
func hasCall(m *metadata.Metadata, name string) bool {
	p := m.Pallet("ParachainSystem")
	if p == nil || p.Calls == nil {
		return false
	}
	t := m.Types.Type(p.Calls.Type)
	if t == nil {
		return false
	}
	for _, variant := range t.Def.Variants {
		if variant.Name == name {
			return true
		}
	}
	return false
}
