//go:build !linux

package executor

type region struct{ heapRegion }
