package audit_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/greenroomlive/greenroom/internal/core/audit"
)

var now = time.Date(2026, 11, 22, 12, 0, 0, 123e6, time.UTC)

// chain is a log of so many entries, in lines without their ends.
func chain(n int) (lines [][]byte, end audit.Mark) {
	var p audit.Page
	for i := range n {
		e := audit.Entry{At: now, Deed: audit.Deed{Actor: fmt.Sprint("actor ", i)}, Command: "UpdateRoom", Room: 7}
		p.Append(e.AppendJSON(nil), now)
	}
	return bytes.Split(bytes.TrimSuffix(p.Lines, []byte("\n")), []byte("\n")), p.Last
}

// verify reads the lines; 0: no damage.
func verify(lines [][]byte, expect audit.Mark) (damaged int64) {
	v := audit.Verification{Expect: expect}
	for _, line := range lines {
		if d, broken := errors.AsType[*audit.Damage](v.Line(line)); broken {
			return d.Seq
		}
	}
	if d, broken := errors.AsType[*audit.Damage](v.End()); broken {
		return d.Seq
	}
	return 0
}

// TestTamperingIsFoundWhereItIs does everything to every line.
func TestTamperingIsFoundWhereItIs(t *testing.T) {
	const n = 7
	whole, end := chain(n)
	if d := verify(whole, end); d != 0 {
		t.Fatalf("a whole chain is damaged at %d", d)
	}
	for i := range whole {
		at := int64(i + 1)
		next := min(at+1, n) // what follows shows that something else was written; of the last one, the anchor
		for what, c := range map[string]struct {
			lines [][]byte
			want  int64
		}{
			"removed":  {slices.Delete(slices.Clone(whole), i, i+1), at},
			"inserted": {slices.Insert(slices.Clone(whole), i, rewritten(whole, i)), next},
			"repeated": {slices.Insert(slices.Clone(whole), i, whole[i]), at + 1},
			"emptied":  {edited(whole, i, func([]byte) []byte { return nil }), at},
			"changed":  {edited(whole, i, func(b []byte) []byte { return bytes.Replace(b, []byte("UpdateRoom"), []byte("DeleteRoom"), 1) }), at},
			"rehashed": {edited(whole, i, func([]byte) []byte { return rewritten(whole, i) }), next},
			"cut off":  {whole[:i], at},
		} {
			if d := verify(c.lines, end); d != c.want {
				t.Errorf("entry %d %s is found at %d, want %d", at, what, d, c.want)
			}
		}
	}
	// Without an anchor, a tail that was cut off is a shorter log.
	if d := verify(whole[:3], audit.Mark{}); d != 0 {
		t.Errorf("a short log without an anchor is damaged at %d", d)
	}
}

// edited is the chain with one line changed.
func edited(lines [][]byte, i int, edit func([]byte) []byte) [][]byte {
	out := slices.Clone(lines)
	out[i] = edit(out[i])
	return out
}

// rewritten is another entry in the place of line i, with the hash that is right there.
func rewritten(lines [][]byte, i int) []byte {
	var p audit.Page
	if i > 0 {
		l, _ := audit.ParseLine(lines[i-1])
		p.Last = l.Mark
	}
	e := audit.Entry{At: now, Deed: audit.Deed{Actor: "somebody else"}}
	p.Append(e.AppendJSON(nil), now)
	return bytes.TrimSuffix(p.Lines, []byte("\n"))
}

// TestAnyByteCounts: whichever byte of a log is changed, the damage is found there or right behind it.
func TestAnyByteCounts(t *testing.T) {
	whole, end := chain(3)
	rapid.Check(t, func(t *rapid.T) {
		i := rapid.IntRange(0, len(whole)-1).Draw(t, "line")
		at := rapid.IntRange(0, len(whole[i])-1).Draw(t, "byte")
		to := rapid.Byte().Draw(t, "to")
		if to|0x20 == whole[i][at]|0x20 {
			return // a hex digit in the other case is the same digit
		}
		lines := edited(whole, i, func(b []byte) []byte { b = bytes.Clone(b); b[at] = to; return b })
		if d := verify(lines, end); d != int64(i+1) {
			t.Fatalf("byte %d of entry %d is found at %d", at, i+1, d)
		}
	})
}

// TestNothingForgesALine: whatever an entry holds, it is one line of JSON that shows as it is, and reads back.
func TestNothingForgesALine(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.Custom(func(t *rapid.T) string {
			return string(rapid.SliceOf(rapid.SampledFrom([]byte("a\"\\\n\r\x00\x7f\xff\xe2\x80\xa8\xae\x85\xc2"))).Draw(t, "bytes")) + rapid.String().Draw(t, "text")
		})
		e := audit.Entry{At: now, Deed: audit.Deed{Actor: text.Draw(t, "actor"), From: text.Draw(t, "from")}, Reason: text.Draw(t, "reason"),
			Changes: []audit.Change{{Column: "session.client_id", Row: "7", Before: text.Draw(t, "before")}}}
		b := e.AppendJSON(nil)
		if !utf8.Valid(b) || !json.Valid(b) {
			t.Fatalf("%q is no JSON", b)
		}
		for _, r := range string(b) {
			if r < ' ' || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x2029 || r == 0x202e {
				t.Fatalf("%q holds %q", b, r)
			}
		}
		var p audit.Page
		p.Append(b, now)
		l, err := audit.ParseLine(bytes.TrimSuffix(p.Lines, []byte("\n")))
		if err != nil {
			t.Fatal(err)
		}
		back, err := l.Decode()
		if err != nil {
			t.Fatal(err)
		}
		if again := back.AppendJSON(nil); !bytes.Equal(again, b) {
			t.Fatalf("read back and written again:\n%s\n%s", b, again)
		}
	})
}

func TestLongTextsAreCutWithTheirLength(t *testing.T) {
	for limit := range 8 {
		got := audit.Shown(strings.Repeat("ü", 8), limit)
		if !utf8.ValidString(got) || !strings.HasSuffix(got, "… (16 bytes)") || len(got) > limit+len("… (16 bytes)") {
			t.Errorf("cut at %d: %q", limit, got)
		}
	}
	e := audit.Entry{Deed: audit.Deed{Actor: strings.Repeat("x", 1<<20)}}
	if n := len(e.AppendJSON(nil)); n > 1024 {
		t.Errorf("an actor of a megabyte is kept in %d bytes", n)
	}
}

func TestMarksAreReadAsTheyArePrinted(t *testing.T) {
	_, end := chain(3)
	got, err := audit.ParseMark(end.String())
	if err != nil || got != end {
		t.Errorf("%s is read as %s, %v", end, got, err)
	}
	for _, wrong := range []string{"", "3", "3:", "x:" + strings.Repeat("0", 64), "-1:" + strings.Repeat("0", 64), "3:" + strings.Repeat("g", 64), "3:00"} {
		if m, err := audit.ParseMark(wrong); err == nil {
			t.Errorf("%q is read as %s", wrong, m)
		}
	}
}

func FuzzParseLine(f *testing.F) {
	lines, _ := chain(1)
	f.Add(lines[0])
	f.Add([]byte(`{"seq":"1","hash":"","entry":}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		l, err := audit.ParseLine(text)
		if err != nil {
			return
		}
		if !bytes.Contains(text, l.Entry) {
			t.Errorf("the entry %q is no part of %q", l.Entry, text)
		}
		_, _ = l.Decode() // must not panic
	})
}
