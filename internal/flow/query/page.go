package query

import (
	"context"
	"iter"
	"strconv"
	"strings"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
)

// Bounds of a page.
const (
	DefaultPage = 50
	MaxPage     = 200
	// maxLanguage is the longest tag BCP 47 asks software to take.
	maxLanguage = 35
	// idsPart is how many ids are taken from the list at a time.
	idsPart = 4096
)

// LiveQuery asks for a page of the rooms on air. Filters narrow together; a value that nobody uses
// selects nothing, because an area made a moment ago is not a mistake.
type LiveQuery struct {
	// Area takes the rooms filed under it and under all that is below it; 0: all.
	Area ident.AreaID
	Tag  string // "": all
	// Language is a BCP 47 tag and takes what it begins: "zh" takes "zh-Hans"; "": all.
	Language string
	Sort     Sort
	// PageSize is 1 to MaxPage; 0 is DefaultPage.
	PageSize  int
	PageToken string
}

func (q *LiveQuery) unfiltered() bool { return q.Area == 0 && q.Tag == "" && q.Language == "" }

// LivePage is a page of one snapshot. Which rooms it lists, and in which order, is the
// snapshot's; their cards are the newest known.
type LivePage struct {
	// Rooms are as many as asked for, except on the last page and where filters leave little: a page
	// looks at so many rooms only, and what it found by then may be nothing.
	Rooms []*Entry
	// Next is the token of the page after this one; "" on the last, and only there.
	Next string
	// Snapshot names the snapshot.
	Snapshot string
	// Total is the number of rooms on all pages, counted when the crawl began; negative when it is not
	// known, as of filters combined, or of a filter in a crowd of crawlers.
	Total int64
}

// Live lists rooms on air. INVALID_ARGUMENT for a page token that is none or belongs to other
// filters, TOKEN_EXPIRED when its snapshot is gone, NOT_READY until the list has been filled. Rooms
// of the snapshot that have left L1 meanwhile are loaded, and fail as a Batch does.
func (r *Rooms) Live(ctx context.Context, q LiveQuery) (LivePage, error) {
	if q.PageSize == 0 {
		q.PageSize = DefaultPage
	}
	if q.PageSize < 1 || q.PageSize > MaxPage {
		return LivePage{}, invalid("page_size", "page_size is 1 to %d", MaxPage)
	}
	if len(q.Language) > maxLanguage || strings.ContainsFunc(q.Language, notInLanguage) {
		return LivePage{}, invalid("language", `language is a BCP 47 tag, as "en" or "zh-Hans"`)
	}
	if q.Area != 0 {
		if _, err := r.Areas(ctx); err != nil {
			return LivePage{}, err
		}
	}
	v, err := r.open(q)
	if err != nil {
		return LivePage{}, err
	}
	ids, stopped, more := v.page(make([]ident.RoomID, 0, q.PageSize), v.after)
	page := LivePage{Snapshot: strconv.FormatUint(v.snapshot.id, 36), Total: v.total}
	if more {
		page.Next = token{v.snapshot.id, q.fingerprint(), v.total, stopped}.String()
	}
	b := Batch{IDs: ids}
	err = r.Batch(ctx, &b)
	page.Rooms = b.Found
	return page, err
}

func notInLanguage(c rune) bool {
	return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-'
}

// open finds the snapshot a query reads, and copies what it needs of the board.
func (r *Rooms) open(q LiveQuery) (*reading, error) {
	t := token{place: beginning()}
	if q.PageToken != "" {
		var ok bool
		if t, ok = parseToken(q.PageToken); !ok {
			return nil, invalid("page_token", "page_token is not one of ours")
		}
		if t.query != q.fingerprint() {
			return nil, invalid("page_token", "page_token belongs to another sort or other filters")
		}
	}
	areas, _ := r.tree.get()
	l := &r.live
	l.mu.Lock()
	defer l.mu.Unlock()
	if q.PageToken != "" {
		snap, ok := l.kept.named(t.snapshot, r.now())
		if !ok {
			return nil, expired("page_token")
		}
		v := snap.read(q)
		v.after, v.total = t.place, t.total
		return v, nil
	}
	if l.shown == nil || !r.freshness.Complete() {
		return nil, fault.NotReady.New("the live list is being filled")
	}
	return l.kept.of(l.shown, areas, r.now()).read(q), nil
}

// LiveIDs is the whole live set at this moment, newest broadcast first, in parts that are valid until
// the next. NOT_READY as Live; TOKEN_EXPIRED in the midst of it when the reader is so slow that its
// snapshot has gone. A reader holds no more of the list than a part.
func (r *Rooms) LiveIDs() (iter.Seq2[[]ident.RoomID, error], error) {
	v, err := r.open(LiveQuery{})
	if err != nil {
		return nil, err
	}
	snap := v.snapshot.id
	return func(yield func([]ident.RoomID, error) bool) {
		part, at, more := make([]ident.RoomID, 0, idsPart), beginning(), true
		for more {
			// Opened again for each part: a copy held through a slow answer would keep the list
			// of that moment in memory, once for each such reader.
			v, err := r.again(snap)
			if err != nil {
				yield(nil, err)
				return
			}
			part, at, more = v.page(part[:0], at)
			if !yield(part, nil) {
				return
			}
		}
	}, nil
}

// again reads all rooms of a snapshot by its id.
func (r *Rooms) again(id uint64) (*reading, error) {
	l := &r.live
	l.mu.Lock()
	defer l.mu.Unlock()
	snap, ok := l.kept.named(id, r.now())
	if !ok {
		return nil, expired("list")
	}
	return snap.read(LiveQuery{}), nil
}

func expired(what string) error {
	return fault.TokenExpired.New("the snapshot of this %s is gone; start again", what)
}

func invalid(field, format string, args ...any) error {
	return fault.InvalidArgument.New(format, args...).With("field", field)
}
