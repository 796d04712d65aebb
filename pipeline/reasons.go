package pipeline

import (
	"cmp"

	"pileus/collator"
)

// RefusedImport is the reason of a block that another node would not import.
const RefusedImport = "import"

// RefusedReasons are the reasons why an attempt to author comes to nothing.
var RefusedReasons = []Reason{
	{string(collator.RefusedByRuntime), "the runtime would not build the block"},
	{string(collator.OffsetUnsupported), "the runtime has a relay parent offset, which only the slot-based collator serves"},
	{string(collator.TooExpensive), "the block takes longer than the authoring duration"},
	{string(collator.PoVTooLarge), "the PoV exceeds max_pov_size"},
	{string(collator.NoCollation), "no collation could be made of the block"},
	{string(collator.SignalsDisagree), "the upward signals do not agree with the core"},
	{string(collator.RelayUnanswered), "the relay chain did not answer"},
	{string(collator.RuntimeUnanswered), "the runtime did not answer"},
	{RefusedImport, "another node of the parachain would not import the block"},
}

// PassedReasons are the reasons why a collator makes no attempt on a relay parent.
var PassedReasons = []Reason{
	{string(collator.NotOurSlot), "the slot belongs to another collator"},
	{string(collator.NoCore), "the para is not scheduled on any core"},
	{string(collator.CoreOccupied), "a candidate is pending availability, and the basic collator waits for it"},
	{string(collator.SegmentFull), "the unincluded segment has no room"},
	{string(collator.NoParent), "the block to build on is not known"},
	{string(collator.SameRelayParent), "the parent was built on this relay parent already"},
	{string(collator.SessionBoundary), "a session ends between relay parent and newest relay block"},
	{string(collator.NoValidation), "the relay chain has no validation data of the para"},
}

var meanings = func() map[string]string {
	m := map[string]string{}
	for _, list := range [][]Reason{DroppedReasons, RefusedReasons, PassedReasons} {
		for _, r := range list {
			m[r.Name] = r.Meaning
		}
	}
	return m
}()

// Meaning is what a reason's name means; an unknown name stands for itself.
func Meaning(reason string) string { return cmp.Or(meanings[reason], reason) }
