package pileus_test

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"pileus"
	"pileus/pipeline"
)

// docs/report.md names every reason with its meaning and every field of the report.
func TestReportIsDocumented(t *testing.T) {
	b, err := os.ReadFile("docs/report.md")
	if err != nil {
		t.Fatal(err)
	}
	doc := string(b)
	n := 0
	for _, list := range [][]pipeline.Reason{pipeline.DroppedReasons, pipeline.RefusedReasons, pipeline.PassedReasons} {
		for _, r := range list {
			n++
			if row := fmt.Sprintf("| `%s` | %s |\n", r.Name, r.Meaning); !strings.Contains(doc, row) {
				t.Errorf("missing: %s", row)
			}
		}
	}
	if rows := strings.Count(doc, "\n| `"); rows != n {
		t.Errorf("%d reasons are documented, there are %d", rows, n)
	}
	var fields func(typ reflect.Type)
	fields = func(typ reflect.Type) {
		for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice {
			typ = typ.Elem()
		}
		if typ.Kind() != reflect.Struct {
			return
		}
		for i := range typ.NumField() {
			name, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
			if name == "" {
				continue
			}
			if quoted, _ := json.Marshal(name); !strings.Contains(doc, string(quoted)) {
				t.Errorf("the field %s is not documented", quoted)
			}
			fields(typ.Field(i).Type)
		}
	}
	fields(reflect.TypeFor[pileus.Report]())
}
