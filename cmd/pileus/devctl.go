package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// maxAnswer is the longest answer that is read, in bytes.
const maxAnswer = 64 << 20

// devCtlCommand is a small client of a running node.
func devCtlCommand() *cobra.Command {
	url := "http://127.0.0.1:9944"
	cmd := &cobra.Command{
		Use:   "ctl METHOD [PARAMETER...]",
		Short: "Call a method of a running node, such as newBlock, timeTravel or forkRelay",
		Long: `Calls a JSON-RPC method of a node that pileus dev has started, and prints its result. A
method without a group is one of dev_*. Parameters are JSON; what is no JSON is text, and
@FILE is the content of a file in hex.

  pileus dev ctl newBlock 5
  pileus dev ctl setBlockTime 500ms
  pileus dev ctl fund 5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY 1000000000000
  pileus dev ctl upgrade @tomorrow.wasm
  pileus dev ctl chain_getHeader`,
		Args: usageArgs(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			params, err := ctlParams(args[1:])
			if err != nil {
				return err
			}
			result, err := call(cmd.Context(), url, ctlMethod(args[0]), params)
			if err != nil {
				return err
			}
			var out bytes.Buffer
			if err := json.Indent(&out, result, "", "  "); err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), out.String())
			return err
		},
	}
	cmd.Flags().StringVar(&url, "url", url, "of the node's JSON-RPC, over HTTP")
	return cmd
}

func ctlMethod(name string) string {
	if strings.Contains(name, "_") {
		return name
	}
	return "dev_" + name
}

func ctlParams(args []string) ([]json.RawMessage, error) {
	params := []json.RawMessage{}
	for _, a := range args {
		if file, ok := strings.CutPrefix(a, "@"); ok {
			content, err := os.ReadFile(file)
			if err != nil {
				return nil, err
			}
			a = fmt.Sprintf("0x%x", content)
		}
		raw := json.RawMessage(a)
		if !json.Valid(raw) {
			raw, _ = json.Marshal(a) // text is always valid
		}
		params = append(params, raw)
	}
	return params, nil
}

// call makes one JSON-RPC call over HTTP.
func call(ctx context.Context, url, method string, params []json.RawMessage) (json.RawMessage, error) {
	body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, httpURL(url), bytes.NewReader(body))
	if err != nil {
		return nil, usageError{err}
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("%w; is the node running? pileus dev starts one", err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, err
	}
	var answer struct {
		Result json.RawMessage
		Error  *struct {
			Code    int
			Message string
			Data    any
		}
	}
	switch err := json.Unmarshal(raw, &answer); {
	case err != nil:
		return nil, fmt.Errorf("%s: %s: no JSON-RPC answer: %w", url, response.Status, err)
	case answer.Error != nil && answer.Error.Data != nil:
		return nil, fmt.Errorf("%s: %s (%v, code %d)", method, answer.Error.Message, answer.Error.Data, answer.Error.Code)
	case answer.Error != nil:
		return nil, fmt.Errorf("%s: %s (code %d)", method, answer.Error.Message, answer.Error.Code)
	case answer.Result == nil:
		return nil, errors.New(method + ": the answer has no result")
	}
	return answer.Result, nil
}

// httpURL is the address for HTTP, where that for WebSocket was given.
func httpURL(url string) string {
	if rest, ok := strings.CutPrefix(url, "ws"); ok {
		return "http" + rest
	}
	return url
}
