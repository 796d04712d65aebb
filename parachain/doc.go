// Package parachain is one parachain as its own nodes see it.
//
// It has two halves. The functions of a [Host] run the chain's runtime and are what
// workers do: [Host.Open] makes a genesis of a chain spec, [Host.Build] authors a block,
// [Host.Execute] imports one by executing it again, [Host.Collation] makes of built
// blocks what validators are offered. A [Node] is a pure machine without clock, disk or
// network, which decides what is imported, what is best and what is final.
//
// In all of them the runtime decides: which code runs on a state, which version of an API
// it has, how long its slots are and who may author is asked at the very block in question.
//
// Sources: cumulus-client-consensus-aura, -common, -collator and -parachain-inherent
// 0.36/0.30, sc-basic-authorship 0.57, sc-block-builder 0.58.
package parachain
