package jsonrpc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// Error is an error as a client gets it.
type Error struct {
	Code    int
	Message string
	Data    any // marshalled; nil: none
}

// Error is code, message and data in one line.
func (e *Error) Error() string {
	if e.Data == nil {
		return fmt.Sprintf("%s (%d)", e.Message, e.Code)
	}
	return fmt.Sprintf("%s: %v (%d)", e.Message, e.Data, e.Code)
}

// Codes of the server's own errors.
const (
	CodeParse             = -32700
	CodeInvalidRequest    = -32600
	CodeMethodNotFound    = -32601
	CodeInvalidParams     = -32602
	CodeInternal          = -32603
	CodeNoBatches         = -32005
	CodeSubscriptions     = -32006 // too many
	CodeRequestTooBig     = -32007
	CodeResponseTooBig    = -32008
	CodeBusy              = -32009
	CodeBatchTooBig       = -32010
	CodeBatchResultTooBig = -32011
	CodeRateLimit         = -32999
)

var (
	errParse          = &Error{Code: CodeParse, Message: "Parse error"}
	errInvalidRequest = &Error{Code: CodeInvalidRequest, Message: "Invalid request"}
	errUnsafe         = &Error{Code: CodeMethodNotFound, Message: "RPC call is unsafe to be called externally"}
	errNoBatches      = &Error{Code: CodeNoBatches, Message: "Batched requests are not supported by this server"}
	errRateLimit      = &Error{Code: CodeRateLimit, Message: "RPC rate limit exceeded"}
)

func exceeds(code int, message string, limit int) *Error {
	return &Error{code, message, fmt.Sprintf("Exceeded max limit of %d", limit)}
}

// InvalidParams is the error of parameters that do not fit.
func InvalidParams(reason string) *Error {
	return &Error{CodeInvalidParams, "Invalid params", reason}
}

// Internal is an error without a code of its own.
func Internal(reason string) *Error { return &Error{CodeInternal, "Internal error", reason} }

// asError is the error to answer with.
func asError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return Internal(err.Error())
}

// request is one call. A request without an id is a notification, to which nobody answers.
type request struct {
	id     json.RawMessage // nil without
	method string
	params json.RawMessage
}

// null is the id of an answer to something that has none that can be read.
var null = json.RawMessage("null")

// parseRequest reads an object of a request. The error comes with the id as far as it can
// be read.
func parseRequest(raw []byte) (request, *Error) {
	var e struct {
		Version string          `json:"jsonrpc"`
		ID      json.RawMessage `json:"id"`
		Method  *string         `json:"method"`
		Params  json.RawMessage `json:"params"`
	}
	if err := json.Unmarshal(raw, &e); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			return request{id: null}, errParse
		}
		return request{id: null}, errInvalidRequest
	}
	if e.ID != nil && !validID(e.ID) {
		return request{id: null}, errInvalidRequest
	}
	if e.Version != "2.0" || e.Method == nil {
		if e.ID == nil {
			e.ID = null
		}
		return request{id: e.ID}, errInvalidRequest
	}
	return request{e.ID, *e.Method, e.Params}, nil
}

// validID tells whether a value may be an id: null, text, or a whole number of at most 64 bits.
func validID(raw json.RawMessage) bool {
	switch raw[0] {
	case 'n', '"':
		return true
	}
	_, err := strconv.ParseUint(string(raw), 10, 64)
	return err == nil
}

// isBatch tells whether a message begins as a list.
func isBatch(raw []byte) bool {
	raw = bytes.TrimLeft(raw, " \t\r\n")
	return len(raw) > 0 && raw[0] == '['
}

// response is the message that answers id with a result. The error says that the result
// is too large or cannot be encoded.
func response(id json.RawMessage, result any, limit int) ([]byte, *Error) {
	b := make([]byte, 0, 128)
	b = append(b, `{"jsonrpc":"2.0","id":`...)
	b = append(b, id...)
	b = append(b, `,"result":`...)
	b, err := appendValue(b, result)
	if err != nil {
		return nil, Internal("encode the result: " + err.Error())
	}
	b = append(b, '}')
	if len(b) > limit {
		return nil, exceeds(CodeResponseTooBig, "Response is too big", limit)
	}
	return b, nil
}

// failure is the message that answers id with an error.
func failure(id json.RawMessage, e *Error) []byte {
	b := make([]byte, 0, 128)
	b = append(b, `{"jsonrpc":"2.0","id":`...)
	b = append(b, id...)
	b = append(b, `,"error":{"code":`...)
	b = strconv.AppendInt(b, int64(e.Code), 10)
	b = append(b, `,"message":`...)
	b, _ = appendValue(b, e.Message)
	if e.Data != nil {
		if data, err := json.Marshal(e.Data); err == nil {
			b = append(b, `,"data":`...)
			b = append(b, data...)
		}
	}
	return append(b, "}}"...)
}

// notification is the message that carries an item of a subscription.
func notification(event, id string, item any) ([]byte, error) {
	b := make([]byte, 0, 256)
	b = append(b, `{"jsonrpc":"2.0","method":"`...)
	b = append(b, event...)
	b = append(b, `","params":{"subscription":"`...)
	b = append(b, id...)
	b = append(b, `","result":`...)
	b, err := appendValue(b, item)
	return append(b, "}}"...), err
}

// appendValue appends a value in JSON. Bytes and values that are JSON already are copied
// without looking at them again.
func appendValue(b []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...), nil
	case json.RawMessage:
		return append(b, v...), nil
	case Hex:
		b = append(b, '"')
		b, _ = v.AppendText(b)
		return append(b, '"'), nil
	}
	raw, err := json.Marshal(v)
	return append(b, raw...), err
}
