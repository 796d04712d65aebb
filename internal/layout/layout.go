// Package layout lays out words in lines, for the reports that people read.
package layout

import (
	"strings"
	"unicode/utf8"
)

// Wrap breaks words into lines of at most width columns, the first behind head, the others
// behind indent. A word that is longer than a line, a hash or a path, is cut; words that fit
// into one line stay as they are. Control characters, which a runtime or a file may have put
// among its words, become blanks.
func Wrap(head, indent, words string, width int) (lines []string) {
	words = Plain(words)
	line, room := head, width-Width(head)
	if Width(words) <= room {
		return []string{strings.TrimRight(line+words, " ")}
	}
	empty := true // nothing stands behind the prefix yet
	next := func() {
		lines = append(lines, strings.TrimRight(line, " "))
		line, room, empty = indent, width-Width(indent), true
	}
	for _, word := range strings.Fields(words) {
		for Width(word) > width-Width(indent) && Width(word) > room {
			if !empty {
				next()
				continue
			}
			cut := []rune(word)
			n := min(max(1, room), len(cut))
			line += string(cut[:n])
			word = string(cut[n:])
			next()
		}
		if !empty && 1+Width(word) > room || Width(word) > room {
			next()
		}
		if !empty {
			line, room = line+" ", room-1
		}
		line, room, empty = line+word, room-Width(word), false
	}
	return append(lines, strings.TrimRight(line, " "))
}

// Width is how many columns a text takes, one for each character.
func Width(s string) int { return utf8.RuneCountInString(s) }

// Plain is a text of a runtime or a client on one line, without what would steer a terminal:
// it has blanks in place of control characters.
func Plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return ' '
		}
		return r
	}, s)
}
