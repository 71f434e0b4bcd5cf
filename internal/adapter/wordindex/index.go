package wordindex

import (
	"slices"
	"strconv"
	"strings"
	"sync"
	"unique"

	"github.com/tidwall/btree"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

const (
	// chunk is how many rooms are put, or looked at in a sweep, before searches get their turn.
	chunk = 64
	// Words of tags and anchors are filed beside those of titles, each behind a sign that no word begins with.
	tagSign    = "#"
	anchorSign = "@"
	// between parts of a room's text; it belongs to no word.
	between = "\x00"
)

// Index is search.Index.
type Index struct {
	mu    sync.RWMutex
	slots map[ident.RoomID]uint32
	rooms []room // by slot
	free  []uint32
	words map[string]*entry
	// order has the words by spelling, for prefixes; those of anchors are not in it.
	order *btree.BTreeG[*entry]
	onAir bitset
	turn  uint32

	scratch sync.Pool // *scratch
}

// room is what is known of a room besides its words; the zero value is a free slot.
type room struct {
	id       ident.RoomID
	version  ident.Version
	anchor   ident.AnchorID
	area     ident.AreaID
	language unique.Handle[string]
	online   int64
	at       int64 // when it went on air; of an idle room, when it changed last. Unix milliseconds
	// text is the title and the tags: from it comes what to take back when they change. It costs less than a
	// list of the words, and most changes leave it as it is.
	text string
	// titled is the number of words in the title.
	titled uint16
	turn   uint32
}

// entry is a word with the rooms that have it, by slot.
type entry struct {
	word  string
	slots []uint32
}

func byWord(a, b *entry) bool { return a.word < b.word }

// New makes an empty index.
func New() *Index {
	return &Index{
		slots: map[ident.RoomID]uint32{},
		words: map[string]*entry{},
		order: btree.NewBTreeGOptions(byWord, btree.Options{NoLocks: true}),
	}
}

// Len is search.Index.
func (x *Index) Len() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return len(x.slots)
}

// Put is search.Index.
func (x *Index) Put(cards []view.RoomCard) {
	for some := range slices.Chunk(cards, chunk) {
		x.mu.Lock()
		for i := range some {
			x.put(&some[i])
		}
		x.mu.Unlock()
	}
}

// Begin is search.Index.
func (x *Index) Begin() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.turn++
}

// End is search.Index.
func (x *Index) End() {
	for from, more := uint32(0), true; more; from += chunk {
		more = x.sweep(from)
	}
}

// sweep drops the rooms of earlier turns among a few slots; false behind the last.
func (x *Index) sweep(from uint32) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	for slot := from; slot < from+chunk; slot++ {
		if int(slot) >= len(x.rooms) {
			return false
		}
		if r := &x.rooms[slot]; r.id != 0 && r.turn != x.turn {
			x.refile(slot, r, "", 0)
			x.onAir.unmark(slot)
			delete(x.slots, r.id)
			*r = room{}
			x.free = append(x.free, slot)
		}
	}
	return true
}

// put takes in one card. mu is held.
func (x *Index) put(c *view.RoomCard) {
	slot, known := x.slots[c.ID]
	if known && x.rooms[slot].turn == x.turn && x.rooms[slot].version > c.Version {
		return
	}
	if !known {
		slot = x.slot()
		x.slots[c.ID] = slot
	}
	r := &x.rooms[slot]
	text, anchor := "", ident.AnchorID(0)
	if c.Findable() { // what is not has no words, so that nothing finds it
		text, anchor = c.Title+between+strings.Join(c.Tags, between), c.AnchorID
	}
	if text != r.text || anchor != r.anchor {
		x.refile(slot, r, text, anchor)
	}
	r.id, r.version, r.turn = c.ID, c.Version, x.turn
	r.area, r.language, r.online = c.AreaID, unique.Make(c.Language), c.Audience.Online
	if c.OnAir() {
		r.at = c.Live.StartedAt.UnixMilli()
		x.onAir.mark(slot)
	} else {
		r.at = c.UpdatedAt.UnixMilli()
		x.onAir.unmark(slot)
	}
}

// slot is a free one.
func (x *Index) slot() uint32 {
	if n := len(x.free); n > 0 {
		slot := x.free[n-1]
		x.free = x.free[:n-1]
		return slot
	}
	x.rooms = append(x.rooms, room{})
	if len(x.onAir)*64 < len(x.rooms) {
		x.onAir = append(x.onAir, 0)
	}
	return uint32(len(x.rooms) - 1)
}

// refile moves a room from the words of its old text to those of a new one.
func (x *Index) refile(slot uint32, r *room, text string, anchor ident.AnchorID) {
	before, _ := filed(r.text, r.anchor)
	after, titled := filed(text, anchor)
	for _, w := range before {
		if _, stays := slices.BinarySearch(after, w); !stays {
			x.unfile(w, slot)
		}
	}
	for _, w := range after {
		if _, was := slices.BinarySearch(before, w); !was {
			x.file(w, slot)
		}
	}
	r.text, r.anchor, r.titled = text, anchor, titled
}

// filed are the words under which a room is filed, sorted, and how many words its title has.
func filed(text string, anchor ident.AnchorID) (list []string, titled uint16) {
	for i, part := range strings.Split(text, between) {
		sign := tagSign
		if i == 0 {
			sign = ""
		}
		for _, w := range words(part) {
			list = append(list, sign+w.text)
			if i == 0 {
				titled++
			}
			if w.ends != "" {
				list = append(list, sign+w.ends)
			}
		}
	}
	if anchor != 0 {
		list = append(list, anchorSign+strconv.FormatInt(int64(anchor), 10))
	}
	slices.Sort(list)
	return slices.Compact(list), titled
}

func (x *Index) file(w string, slot uint32) {
	e := x.words[w]
	if e == nil {
		// A copy: w is a piece of a longer text, which it would keep in memory.
		e = &entry{word: strings.Clone(w), slots: []uint32{slot}}
		x.words[e.word] = e
		if !strings.HasPrefix(w, anchorSign) {
			x.order.Set(e)
		}
		return
	}
	if n := len(e.slots); e.slots[n-1] < slot { // a new room, most likely
		e.slots = append(e.slots, slot)
		return
	}
	if i, there := slices.BinarySearch(e.slots, slot); !there {
		e.slots = slices.Insert(e.slots, i, slot)
	}
}

func (x *Index) unfile(w string, slot uint32) {
	e := x.words[w]
	if e == nil {
		return
	}
	if i, there := slices.BinarySearch(e.slots, slot); there {
		e.slots = slices.Delete(e.slots, i, i+1)
	}
	if len(e.slots) == 0 {
		delete(x.words, w)
		x.order.Delete(e)
	}
}
