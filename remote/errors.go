package remote

import (
	"errors"
	"fmt"
	"strings"
)

// What can be wrong with a node, for callers that branch on it.
var (
	ErrUnreachable  = errors.New("the node does not answer")
	ErrBusy         = errors.New("the node has too much to do, or limits how often it may be asked")
	ErrNoMethod     = errors.New("the node does not have this method")
	ErrAnswer       = errors.New("the node's answer is malformed")
	ErrTooLarge     = errors.New("the answer is too large")
	ErrNoBlock      = errors.New("the node does not know this block")
	ErrPruned       = errors.New("the node has discarded the state of this block: take a newer one, or a node that keeps all states (--state-pruning archive)")
	ErrProof        = errors.New("the node's proof does not lead from the block's state root to the key: it is wrong, or the node lies")
	ErrHeader       = errors.New("the node's header does not have the hash of the block: it is wrong, or the node lies")
	ErrStateTooMany = errors.New("the node cannot prove what it says (it lacks state_getReadProof), and its state is too large to be loaded whole: take a node that can")
	ErrNotRelay     = errors.New("it is not a relay chain: its state has no Configuration.ActiveConfig")
	ErrConfig       = errors.New("its configuration has a layout that this release does not know")
)

// Error says which node and block something was asked of. Err has what was asked and the cause.
type Error struct {
	URL   string
	Block string // "#4711 (0x…)", or what was asked for; empty: none yet
	Err   error
}

// Error names node, block and cause.
func (e *Error) Error() string {
	if e.Block == "" {
		return fmt.Sprintf("%s: %v", e.URL, e.Err)
	}
	return fmt.Sprintf("%s at block %s: %v", e.URL, e.Block, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// explain gives an error of a state request its meaning: nodes say in words only that
// they have discarded a state (sc-client-db "State already discarded for …") or that
// they do not know a block ("UnknownBlock", "Unknown block", "Header was not found").
func explain(err error) error {
	var server *ServerError
	if !errors.As(err, &server) || errors.Is(err, ErrNoMethod) {
		return err
	}
	words := strings.ToLower(server.Message + " " + server.Data)
	switch {
	case strings.Contains(words, "discarded"), strings.Contains(words, "pruned"):
		return fmt.Errorf("%w: %w", ErrPruned, err)
	case strings.Contains(words, "unknownblock"), strings.Contains(words, "unknown block"), strings.Contains(words, "header was not found"):
		return fmt.Errorf("%w: %w", ErrNoBlock, err)
	case strings.Contains(words, "too big"), strings.Contains(words, "too large"):
		return fmt.Errorf("%w: %w", ErrTooLarge, err)
	}
	return err
}
