package remote

import (
	"errors"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// Address is where a chain is read and at which block.
type Address struct {
	URL string // ws, wss, http or https
	// Block is a number, a hash with 0x, "best" or "finalized".
	Block string
}

// Blocks that are another one at every moment.
const (
	Finalized = "finalized"
	Best      = "best"
)

// at is what may follow the last @ of an address.
var at = regexp.MustCompile(`^(\d{1,10}|0x[0-9a-fA-F]{64}|best|finalized)$`)

// IsAddress tells whether a text is meant as the address of a node, not as the name of a file.
func IsAddress(text string) bool {
	scheme, _, ok := strings.Cut(text, "://")
	switch strings.ToLower(scheme) {
	case "ws", "wss", "http", "https":
		return ok
	}
	return false
}

// ParseAddress reads "ws://host:port", with "@" and a block behind it or without: then it
// is the finalized block.
func ParseAddress(text string) (Address, error) {
	a := Address{URL: text, Block: Finalized}
	if i := strings.LastIndex(text, "@"); i >= 0 {
		switch behind := text[i+1:]; {
		case at.MatchString(behind):
			a.URL, a.Block = text[:i], strings.ToLower(behind)
		case namesHost(text[:i]): // and not only the user of one
			return a, errors.New("what follows @ is not a block: give a number, a hash of 32 bytes with 0x, best or finalized")
		}
	}
	if !IsAddress(a.URL) {
		return a, errors.New("it is not an address of a node: give ws://, wss://, http:// or https://")
	}
	u, err := url.Parse(a.URL)
	if err != nil {
		return a, err
	}
	if u.Hostname() == "" {
		return a, errors.New("it names no host")
	}
	if _, err := strconv.ParseUint(a.Block, 10, 32); err != nil && a.Block[0] >= '0' && a.Block[0] <= '9' && !strings.HasPrefix(a.Block, "0x") {
		return a, errors.New("the block number is above 4294967295")
	}
	return a, nil
}

// namesHost tells whether a text is an address that is whole.
func namesHost(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Port() != "" || u.Hostname() == "localhost" || strings.Contains(u.Hostname(), "."))
}

// String is the address without a password.
func (a Address) String() string { return a.shown() + "@" + a.Block }

func (a Address) shown() string {
	u, err := url.Parse(a.URL)
	if err != nil {
		return a.URL
	}
	return u.Redacted()
}
