package layout

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestWrap(t *testing.T) {
	for _, c := range []struct {
		head, indent, words string
		width               int
		want                []string
	}{
		{"", "", "", 10, []string{""}},
		{"a  ", "   ", "two  blanks", 20, []string{"a  two  blanks"}},
		{"a: ", "   ", "one two three", 10, []string{"a: one two", "   three"}},
		{"", "  ", "0123456789", 6, []string{"012345", "  6789"}},
		{"", "", "to 0123456789", 6, []string{"to", "012345", "6789"}},
		{"head: ", "", "longer than that", 9, []string{"head:", "longer", "than that"}},
		{"", "", "\x1b[31mred\u009b\nline", 80, []string{" [31mred  line"}},
	} {
		if got := Wrap(c.head, c.indent, c.words, c.width); !slices.Equal(got, c.want) {
			t.Errorf("%q %d: %q, want %q", c.words, c.width, got, c.want)
		}
	}
}

// No line is too wide, and no letter is lost.
func TestWrapKeepsAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.StringMatching(`([a-zé]{0,30} ){0,10}`).Draw(t, "words")
		width := rapid.IntRange(10, 60).Draw(t, "width")
		lines := Wrap("12", "123", words, width)
		letters := ""
		for i, line := range lines {
			if Width(line) > width {
				t.Fatalf("%q is wider than %d", line, width)
			}
			letters += strings.TrimPrefix(line, []string{"12", "123"}[min(i, 1)])
		}
		if squeeze := func(s string) string { return strings.ReplaceAll(s, " ", "") }; squeeze(letters) != squeeze(words) {
			t.Fatalf("%q of %q", letters, words)
		}
	})
}
