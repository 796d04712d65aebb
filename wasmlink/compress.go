package wasmlink

import (
	"fmt"

	"github.com/klauspost/compress/zstd"

	"pileus/executor"
)

// Compress is the form in which code stands in :code and goes to a relay chain: zstd
// behind eight magic bytes (sp-maybe-compressed-blob). Equal input gives equal bytes. Code
// that is compressed already is returned as it is.
func Compress(code []byte) ([]byte, error) {
	if len(code) >= len(executor.CompressedPrefix) && string(code[:len(executor.CompressedPrefix)]) == string(executor.CompressedPrefix) {
		return code, nil
	}
	if len(code) > executor.CodeBombLimit {
		return nil, fmt.Errorf("compress: %w: %d bytes, limit %d", executor.ErrBomb, len(code), executor.CodeBombLimit)
	}
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, fmt.Errorf("compress: %w", err)
	}
	defer e.Close()
	return e.EncodeAll(code, append([]byte(nil), executor.CompressedPrefix...)), nil
}
