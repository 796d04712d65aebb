package rehearse

import (
	"os"
	"reflect"
	"strings"
	"testing"
)

// docs/rehearse.md lists every finding and every field of the report; each finding has a
// page with its advice and the lines to search logs for.
func TestDocumented(t *testing.T) {
	b, err := os.ReadFile("../docs/rehearse.md")
	if err != nil {
		t.Fatal(err)
	}
	doc := string(b)
	pages, err := os.ReadDir("../docs/findings")
	if err != nil || len(pages) != len(Findings) {
		t.Errorf("%d pages for %d findings, %v", len(pages), len(Findings), err)
	}
	flat := func(s string) string { return strings.Join(strings.Fields(s), " ") }
	for _, f := range Findings {
		if row := "| [" + f.Name + "](findings/" + f.Name + ".md) | " + f.Cause + " |\n"; !strings.Contains(doc, row) {
			t.Errorf("missing: %s", row)
		}
		page, err := os.ReadFile("../docs/findings/" + f.Name + ".md")
		if err != nil {
			t.Error(err)
			continue
		}
		for _, part := range append([]string{"# " + f.Name, f.Cause[1:], f.Advice}, f.Says...) {
			if !strings.Contains(flat(string(page)), flat(strings.ReplaceAll(part, "`", "'"))) && !strings.Contains(flat(string(page)), flat(part)) {
				t.Errorf("%s does not say %q", f.Name, part)
			}
		}
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
			if name != "" && !strings.Contains(doc, `"`+name+`"`) {
				t.Errorf("the field %q is not documented", name)
			}
			fields(typ.Field(i).Type)
		}
	}
	fields(reflect.TypeFor[Report]())
}
