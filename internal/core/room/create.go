package room

// Story: an anchor opens a room and describes it.

import (
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
)

// Bounds of what an anchor writes, in runes. They keep a card near a kilobyte, so that a
// million of them fit in a node.
const (
	MaxTitle    = 120
	MaxTags     = 20
	MaxTag      = 32
	MaxCoverURL = 512
	MaxLanguage = 35 // the longest tag BCP 47 asks software to take
)

// Description is what an anchor says of a room.
type Description struct {
	Title    string
	Area     ident.AreaID
	CoverURL string
	Tags     []string
	Language string
	Policy   PublisherPolicy
}

// Create opens a room that is idle. INVALID_ARGUMENT names the field that is wrong.
// Whether the area exists is for the caller to check: the tree is another aggregate.
func Create(by By, id ident.RoomID, anchor ident.AnchorID, d Description) (*Room, error) {
	if anchor <= 0 {
		return nil, invalid("anchor_id", "a room needs an owner")
	}
	if err := d.check(); err != nil {
		return nil, err
	}
	r := &Room{
		ID: id, Anchor: anchor, Title: d.Title, Area: d.Area, CoverURL: d.CoverURL,
		Tags: slices.Clone(d.Tags), Language: d.Language, Policy: d.Policy, CreatedAt: by.Now,
	}
	r.record(by, event.RoomCreated, "")
	return r, nil
}

func (d *Description) check() error {
	if strings.TrimSpace(d.Title) == "" {
		return invalid("title", "a room needs a title")
	}
	if err := text("title", d.Title, MaxTitle); err != nil {
		return err
	}
	if d.Area < 0 {
		return invalid("area_id", "must not be negative")
	}
	if err := coverURL(d.CoverURL); err != nil {
		return err
	}
	if len(d.Tags) > MaxTags {
		return invalid("tags", "at most %d tags", MaxTags)
	}
	for i, tag := range d.Tags {
		if strings.TrimSpace(tag) == "" {
			return invalid("tags", "a tag must not be empty")
		}
		if err := text("tags", tag, MaxTag); err != nil {
			return err
		}
		if slices.Contains(d.Tags[:i], tag) {
			return invalid("tags", "the tag %q stands twice", tag)
		}
	}
	if d.Policy > TakeOver {
		return invalid("publisher_policy", "unknown policy")
	}
	return language(d.Language)
}

// language takes the letters of a BCP 47 tag, not only those tags that are registered: the registry
// grows, and nothing here depends on a language being known.
func language(s string) error {
	if len(s) > MaxLanguage {
		return invalid("language", "%d characters, at most %d", len(s), MaxLanguage)
	}
	odd := func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-'
	}
	if strings.ContainsFunc(s, odd) {
		return invalid("language", `must be a BCP 47 tag, as "en" or "zh-Hans"`)
	}
	return nil
}

// text refuses what cannot be shown or stored: broken UTF-8, control characters, too much of it, and
// what turns around the direction of the text that is shown after it.
func text(field, s string, limit int) error {
	if !utf8.ValidString(s) {
		return invalid(field, "must be valid UTF-8")
	}
	if n := utf8.RuneCountInString(s); n > limit {
		return invalid(field, "%d characters, at most %d", n, limit)
	}
	if strings.ContainsFunc(s, unicode.IsControl) || strings.ContainsFunc(s, turns) {
		return invalid(field, "must not hold control characters")
	}
	return nil
}

// turns knows the embeddings, overrides and isolates of Unicode's bidirectional algorithm. The marks
// (U+200E, U+200F), which people type, end with their letter and pass.
func turns(c rune) bool { return (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069) }

// coverURL takes http and https only: the address lands in pages as it is.
func coverURL(s string) error {
	if s == "" {
		return nil
	}
	if err := text("cover_url", s, MaxCoverURL); err != nil {
		return err
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return invalid("cover_url", "must be an http or https address")
	}
	return nil
}

func invalid(field, format string, args ...any) error {
	return fault.InvalidArgument.New(field+": "+format, args...).With("field", field)
}
