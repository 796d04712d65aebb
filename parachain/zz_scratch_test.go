package parachain

import (
	"context"
	"os"
	"testing"
	"time"
)

func TestZZGo(t *testing.T) {
	h := testHost(t)
	code, err := os.ReadFile("/tmp/wl/phase3.wasm")
	if err != nil {
		t.Skip(err)
	}
	from := time.Now()
	c, err := h.Open(context.Background(), RuntimeSpec("go", code, "development"), Options{Collators: 2, Fund: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Log("open", time.Since(from))
	round(t, h, c)
}
