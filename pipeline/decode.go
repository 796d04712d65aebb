package pipeline

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// eventTypes are the types of all events, by name.
var eventTypes = func() map[string]reflect.Type {
	m := map[string]reflect.Type{}
	for _, e := range []Event{RelayBlock{}, SlotMissed{}, SessionChanged{}, InherentDropped{}, ParaStarted{}, Authored{}, Refused{}, Passed{},
		TransactionRefused{}, StateEdited{}, UpgradeSubmitted{}, UpgradeDispatched{}, CodeApplied{}, Advertised{}, Seconded{}, Backable{}, Declined{},
		Backed{}, Included{}, TimedOut{}, Dropped{}, Prechecked{}, Upgrade{}, RelayReorg{}} {
		m[e.event()] = reflect.TypeOf(e)
	}
	return m
}()

// DecodeEvent reads an event from the JSON object that [Timed.MarshalJSON] writes.
func DecodeEvent(line []byte) (Timed, error) {
	var fields map[string]json.RawMessage
	var head struct {
		Ms    int64  `json:"ms"`
		Event string `json:"event"`
	}
	if err := json.Unmarshal(line, &head); err != nil {
		return Timed{}, fmt.Errorf("not an event: %w", err)
	}
	t, ok := eventTypes[head.Event]
	if !ok {
		return Timed{}, fmt.Errorf("not an event: %q is of no known kind", head.Event)
	}
	v := reflect.New(t)
	err := json.Unmarshal(line, &fields)
	if err == nil {
		err = takeHashes(v.Elem(), fields)
	}
	var rest []byte
	if err == nil {
		rest, err = json.Marshal(fields)
	}
	if err == nil {
		err = json.Unmarshal(rest, v.Interface())
	}
	if err != nil {
		return Timed{}, fmt.Errorf("event %s: %w", head.Event, err)
	}
	return Timed{At: time.Duration(head.Ms) * time.Millisecond, Event: v.Elem().Interface().(Event)}, nil
}

// takeHashes sets the fields of a struct that are hashes and takes them out of the object.
func takeHashes(v reflect.Value, fields map[string]json.RawMessage) error {
	for i := range v.NumField() {
		f, at := v.Type().Field(i), v.Field(i)
		if f.Anonymous {
			if err := takeHashes(at, fields); err != nil {
				return err
			}
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		raw, ok := fields[name]
		if !ok {
			continue
		}
		switch {
		case isHash(at.Type()):
			if err := takeHash(at, raw); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		case at.Kind() == reflect.Slice && isHash(at.Type().Elem()):
			var list []json.RawMessage
			if err := json.Unmarshal(raw, &list); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			at.Set(reflect.MakeSlice(at.Type(), len(list), len(list)))
			for i, raw := range list {
				if err := takeHash(at.Index(i), raw); err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
			}
		default:
			continue
		}
		delete(fields, name)
	}
	return nil
}

func isHash(t reflect.Type) bool { return t.Kind() == reflect.Array && t.Len() == 32 }

func takeHash(v reflect.Value, raw json.RawMessage) error {
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return err
	}
	b, err := hex.DecodeString(strings.TrimPrefix(text, "0x"))
	if err != nil || len(b) != 32 {
		return fmt.Errorf("%q is not a hash", text)
	}
	reflect.Copy(v, reflect.ValueOf(b))
	return nil
}
