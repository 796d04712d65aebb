package pileus

import (
	"embed"
	"io/fs"
)

// source is as large as it is because a program that does not ask for it is linked without it.
//
//go:embed go.mod go.sum LICENSE *.go */*.go */*/*.go */*/*/*.go
var source embed.FS

// Source is the Go source of this module, with its go.mod, go.sum and licence: `pileus new`
// writes what a chain of one's own needs of it into the new chain's folder. Files that
// packages embed are not among it.
func Source() fs.FS { return source }
