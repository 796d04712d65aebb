package jsonrpc

import (
	"bytes"
	"context"
	"encoding/json"
	"testing"
)

func FuzzMessage(f *testing.F) {
	for _, s := range []string{
		`{"jsonrpc":"2.0","id":1,"method":"sum","params":[1,2]}`, `[{"jsonrpc":"2.0","id":"a","method":"echo","params":{"value":[[]]}},5]`,
		`{"jsonrpc":"2.0","id":1,"method":"hash","params":["0x"]}`, `[`, `[[],{}]`, `{"jsonrpc":"2.0","id":1,"method":"count","params":["0x1"]}`, `["\"",",]"]`, ` [1 , 2] `,
	} {
		f.Add([]byte(s))
	}
	s := NewServer(testMethods(), Options{MaxResponse: 1 << 16})
	f.Fuzz(func(t *testing.T, message []byte) {
		c := s.conn(context.Background(), nil)
		defer c.cancel()
		answer, _ := c.handle(c.ctx, message)
		if answer != nil && !json.Valid(answer) {
			t.Errorf("answer is not JSON: %s", answer)
		}
		if len(answer) > 1<<16+512 {
			t.Errorf("answer of %d bytes", len(answer))
		}
		if answer == nil && !json.Valid(message) {
			t.Error("not JSON, and not answered")
		}
		var want []json.RawMessage
		if isBatch(message) && json.Unmarshal(message, &want) == nil {
			i := 0
			for got := range items(message) {
				if i >= len(want) || !bytes.Equal(bytes.TrimSpace(got), want[i]) {
					t.Fatalf("item %d is %q", i, got)
				}
				i++
			}
			if i != len(want) {
				t.Errorf("%d items, want %d", i, len(want))
			}
		}
	})
}

func FuzzParams(f *testing.F) {
	for _, s := range []string{`["0xab","0x1",[1,"0x2"],true,null]`, `{"a":"0x","b":1,"c":2}`, `[]`, `null`, `[["0x00"],7]`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if !json.Valid(raw) {
			return
		}
		raw = bytes.TrimSpace(raw)
		reads := []func(p *Params){
			func(p *Params) { p.Bytes("a") }, func(p *Params) { p.OptBytes("b") }, func(p *Params) { p.StrictBytes("a") },
			func(p *Params) { p.Hash("a") }, func(p *Params) { p.OptHash("b") }, func(p *Params) { p.Hashes("a") }, func(p *Params) { p.BytesList("c") },
			func(p *Params) { p.Number("a") }, func(p *Params) { p.Numbers("c") },
			func(p *Params) { p.Bool("a") }, func(p *Params) { p.Text("b") }, func(p *Params) { p.Has("a") },
			func(p *Params) { var v map[string]any; p.OptJSON("a", &v) },
		}
		for i := range reads {
			p := parseParams(raw)
			for j := range reads {
				reads[(i+j)%len(reads)](p)
			}
			if err := p.Err(); err != nil && asError(err).Code != CodeInvalidParams {
				t.Error(err)
			}
		}
	})
}
