package view

import (
	"hash/crc32"
	"strconv"
	"time"
	"unicode/utf8"
)

// AppendJSON appends the card's JSON object, without the {"room":…} around it.
func (c *RoomCard) AppendJSON(b []byte) []byte {
	b = appendID(append(b, `{"id":`...), int64(c.ID))
	b = appendID(append(b, `,"anchor_id":`...), int64(c.AnchorID))
	b = AppendString(append(b, `,"title":`...), c.Title)
	b = appendID(append(b, `,"area_id":`...), int64(c.AreaID))
	b = AppendString(append(b, `,"cover_url":`...), c.CoverURL)
	b = AppendStrings(append(b, `,"tags":`...), c.Tags)
	b = AppendString(append(b, `,"language":`...), c.Language)

	b = append(append(b, `,"live":{"status":"`...), c.Live.Status.String()...)
	b = appendID(append(b, `","session_id":`...), int64(c.Live.SessionID))
	b = appendID(append(b, `,"epoch":`...), int64(c.Live.Epoch))
	b = AppendTime(append(b, `,"started_at":`...), c.Live.StartedAt)

	b = append(append(b, `},"control":{"state":"`...), c.Control.State.String()...)
	b = AppendString(append(b, `","reason":`...), c.Control.Reason)
	b = AppendTime(append(b, `,"until":`...), c.Control.Until)

	b = AppendString(append(b, `},"extension":{"announcement":`...), c.Extension.Announcement)
	b = AppendString(append(b, `,"pinned":`...), c.Extension.Pinned)
	b = AppendStrings(append(b, `,"badges":`...), c.Extension.Badges)

	b = appendWidgets(append(b, `,"widgets":`...), c.Extension.Widgets)

	b = c.Audience.AppendJSON(append(b, `}`+audienceName...))

	b = appendID(append(b, `,"version":`...), int64(c.Version))
	b = AppendTime(append(b, `,"updated_at":`...), c.UpdatedAt)
	return append(b, '}')
}

// Checksum is the CRC-32C of the card's JSON in eight hex digits: the JSON is canonical
// (one encoder, fixed order), so both ends of the bridge compute the same from the same card.
func (c *RoomCard) Checksum() string {
	var buf [1024]byte
	return ChecksumOf(c.AppendJSON(buf[:0]))
}

// ChecksumOf is Checksum for a JSON card that is already encoded.
func ChecksumOf(json []byte) string {
	sum := crc32.Checksum(json, castagnoli)
	const hexDigits = "0123456789abcdef"
	var out [8]byte
	for i := range out {
		out[7-i] = hexDigits[sum>>(4*i)&0xf]
	}
	return string(out[:])
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// AppendAreas appends the tree as a JSON array.
func AppendAreas(b []byte, areas []Area) []byte {
	b = append(b, '[')
	for i, a := range areas {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendID(append(b, `{"id":`...), int64(a.ID))
		b = AppendString(append(b, `,"name":`...), a.Name)
		b = append(AppendAreas(append(b, `,"children":`...), a.Children), '}')
	}
	return append(b, ']')
}

// appendID appends a 64-bit number as the JSON string that proto3 JSON asks for.
func appendID(b []byte, n int64) []byte {
	return append(strconv.AppendInt(append(b, '"'), n, 10), '"')
}

// AppendTime appends RFC 3339 with no or three fractional digits, as proto3 JSON does; null for the zero time.
func AppendTime(b []byte, t time.Time) []byte {
	if t.IsZero() {
		return append(b, "null"...)
	}
	b = t.UTC().AppendFormat(append(b, '"'), time.RFC3339) // the layout that package time knows by heart
	if ms := t.Nanosecond() / int(time.Millisecond); ms > 0 {
		b = append(b[:len(b)-len("Z")], '.', byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10), 'Z')
	}
	return append(b, '"')
}

// AppendStrings appends a JSON array of strings.
func AppendStrings(b []byte, list []string) []byte {
	b = append(b, '[')
	for i, s := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = AppendString(b, s)
	}
	return append(b, ']')
}

// AppendString appends s as a JSON string, escaped as protojson does: only what JSON
// demands. Bytes that are not UTF-8 become U+FFFD; the commands refuse them earlier.
func AppendString(b []byte, s string) []byte {
	b = append(b, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 {
				b = append(append(b, s[from:i]...), "\uFFFD"...)
				from = i + 1
			}
			i += n
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		}
		b = appendEscape(append(b, s[from:i]...), c)
		i++
		from = i
	}
	return append(append(b, s[from:]...), '"')
}

func appendEscape(b []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\b':
		return append(b, `\b`...)
	case '\f':
		return append(b, `\f`...)
	case '\n':
		return append(b, `\n`...)
	case '\r':
		return append(b, `\r`...)
	case '\t':
		return append(b, `\t`...)
	}
	const hexDigits = "0123456789abcdef"
	return append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
}
