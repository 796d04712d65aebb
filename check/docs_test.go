package check

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// Every row has a page, every page belongs to a row, and every field of the JSON form is
// named.
func TestRowsAreDocumented(t *testing.T) {
	dir := filepath.Join("..", "docs", "check")
	index, err := os.ReadFile(filepath.Join(dir, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range IDs() {
		page, err := os.ReadFile(filepath.Join(dir, id+".md"))
		if err != nil {
			t.Error(err)
			continue
		}
		row := textOf(id)
		for _, want := range []string{"# " + id + ": " + row.title, row.step, "## Cause", "## How it is found", "## Symptom", "## Fix", row.fix, "## Sources"} {
			if !strings.Contains(string(page), want) {
				t.Errorf("%s.md does not have %q", id, want)
			}
		}
		if !strings.Contains(string(index), "["+id+"]("+id+".md)") {
			t.Errorf("README.md does not list %s", id)
		}
		if judges[id] == nil {
			t.Errorf("%s is not judged", id)
		}
	}
	pages, _ := filepath.Glob(filepath.Join(dir, "*.md"))
	if len(pages) != len(IDs())+1 || len(judges) != len(IDs()) {
		t.Errorf("%d pages and %d judges for %d rows", len(pages)-1, len(judges), len(IDs()))
	}
	for _, typ := range []reflect.Type{reflect.TypeFor[Report](), reflect.TypeFor[Row](), reflect.TypeFor[Runtime](), reflect.TypeFor[Release](), reflect.TypeFor[Next](), reflect.TypeFor[Probe]()} {
		for i := range typ.NumField() {
			name, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
			if name == "" {
				continue // not exported
			}
			if quoted, _ := json.Marshal(name); !strings.Contains(string(index), string(quoted)) {
				t.Errorf("the field %s is not documented", quoted)
			}
		}
	}
}
