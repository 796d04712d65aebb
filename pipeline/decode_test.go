package pipeline

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"pileus/hashing"
)

// Every event comes back from its JSON form as it was.
func TestEventsComeBack(t *testing.T) {
	declared := 0
	for _, file := range []string{"events.go", "fork.go"} {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		declared += strings.Count(string(source), ") event() string")
	}
	if declared != len(eventTypes) {
		t.Errorf("there are %d events, %d can be read", declared, len(eventTypes))
	}
	for name, typ := range eventTypes {
		v := reflect.New(typ).Elem()
		fill(v, 1)
		want := Timed{At: 1234 * time.Millisecond, Event: v.Interface().(Event)}
		line, err := json.Marshal(want)
		if err != nil {
			t.Fatal(name, err)
		}
		got, err := DecodeEvent(line)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v\n%s\n got %+v\nwant %+v", name, err, line, got, want)
		}
	}
}

// fill gives every field of a struct a value of its own.
func fill(v reflect.Value, n uint64) {
	for i := range v.NumField() {
		f := v.Field(i)
		if v.Type().Field(i).Tag.Get("json") == "-" {
			continue
		}
		n++
		switch f.Kind() {
		case reflect.Struct:
			fill(f, n*7)
		case reflect.Array:
			reflect.Copy(f, reflect.ValueOf(hashing.Blake2b256([]byte{byte(n)})))
		case reflect.String:
			f.SetString(string(rune('a' + n%26)))
		case reflect.Slice:
			list := reflect.MakeSlice(f.Type(), 2, 2)
			if list.Index(0).Kind() == reflect.String {
				list.Index(0).SetString("x")
			} else if list.Index(0).Kind() == reflect.Struct {
				fill(list.Index(0), n*7)
			}
			f.Set(list)
		case reflect.Bool:
			f.SetBool(true)
		case reflect.Float64:
			f.SetFloat(float64(n))
		case reflect.Int:
			f.SetInt(int64(n))
		default:
			f.SetUint(n)
		}
	}
}

// What is no event is an error that says so, never a panic.
func FuzzDecodeEvent(f *testing.F) {
	for _, s := range []string{`{}`, `[]`, `{"ms":1,"event":"Included","hash":"0x00"}`, `{"ms":1,"event":"Refused","para":-1}`, `{"ms":"x"}`, "",
		`{"ms":0,"event":"SlotMissed","slot":7,"why":"validator 3 made no block"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		event, err := DecodeEvent(line)
		if (err == nil) != (event.Event != nil) {
			t.Fatalf("%v, %v", event, err)
		}
	})
}
