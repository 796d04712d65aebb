// Package export makes a runtime's functions those of the Wasm module. A runtime's main
// package registers the runtime, and that is all it does:
//
//	func init() { export.Register(guide.New(guide.Phase3()).Runtime) }
//
//	func main() {}
//
// AuraUnincludedSegmentApi has a package of its own, segment: a node looks whether the
// function is there.
package export

import (
	"fmt"

	"pileus/frame"
	"pileus/frame/host"
)

var runtime *frame.Runtime

// result keeps the last answer in memory until the node has read it.
var result []byte

// Register makes r the runtime of the module.
func Register(r *frame.Runtime) { runtime = r }

// Call runs a function of the runtime. A panic goes to the node's log before it ends the
// call: those are the last words by which the node explains what happened.
func Call(name string, args []byte) []byte {
	defer func() {
		if r := recover(); r != nil {
			host.Log(host.LogError, "runtime", "panicked: "+fmt.Sprint(r))
			panic(r)
		}
	}()
	if runtime == nil {
		panic("no runtime is registered")
	}
	result = runtime.Call(name, args)
	return result
}
