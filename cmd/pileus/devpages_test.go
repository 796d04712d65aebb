package main

import (
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestInTokens(t *testing.T) {
	props := map[string]any{"tokenDecimals": 12, "tokenSymbol": "UNIT"}
	for free, want := range map[string]string{
		"1000000000000000000": "1,000,000 UNIT", "0": "0 UNIT", "1500000000000": "1.5 UNIT", "1": "0.000000000001 UNIT", "999000000000000": "999 UNIT",
	} {
		if got := inTokens(free, props); got != want {
			t.Errorf("%s: %s, want %s", free, got, want)
		}
	}
	if got := inTokens("17", nil); got != "17 of the smallest unit" {
		t.Error(got)
	}
}

func TestServePages(t *testing.T) {
	hello := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("hello")) })
	p := pageFlags{}
	url, stop, err := p.serve("dashboard", hello)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(url, "http://"))

	ask := func(host string) int {
		req, _ := http.NewRequest("GET", url, nil)
		req.Host = host
		req.Close = true
		client := http.Client{Timeout: 30 * time.Second}
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res.StatusCode
	}
	for host, want := range map[string]int{"localhost:" + port: 200, "127.0.0.1": 200, "[::1]:" + port: 200, "evil.example": 403, "localhost.evil.example:" + port: 403} {
		if got := ask(host); got != want {
			t.Errorf("host %s: %d, want %d", host, got, want)
		}
	}

	t.Run("port in use", func(t *testing.T) {
		n, _ := strconv.Atoi(port)
		_, _, err := (&pageFlags{port: uint16(n)}).serve("dashboard", hello)
		if err == nil || !strings.Contains(err.Error(), "choose another port with --dashboard-port, or --no-dashboard") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("half-open sockets", func(t *testing.T) {
		for range maxPageConnections {
			c, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", port))
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
		}
		if got := ask("localhost"); got != 200 { // once the first of them have been silent too long
			t.Errorf("behind them: %d", got)
		}
	})
}
