package proof

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"google.golang.org/protobuf/proto"

	anchorv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/anchor/v1"
	roomv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/room/v1"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

var few = Layout{First: 1 << 40, Step: 64, Rooms: 700, Edited: 500}

// house is B and the C side in one, which see each change at once. lies, if there are any, spoil its answers.
type house struct {
	Layout
	lies lies

	mu       sync.Mutex
	versions []int64
}

// lies are how a house may deceive; nil is the truth.
type lies struct {
	shown        func(i int, version int64) int64 // which version is shown
	card         func(c *view.RoomCard)
	headers      func(h http.Header)
	list         func(ids []int) []int // what a batch or a page holds
	body         func(b []byte) []byte
	onAir        func(ids []int) []int // what is on a list
	snapshot     func(page int) string
	acknowledged func(version int64) int64
}

func open(t *testing.T, l lies) *httptest.Server {
	h := &house{Layout: few, lies: l, versions: make([]int64, few.Rooms)}
	for i := range h.versions {
		h.versions[i] = h.Begins(i)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /", h.command)
	mux.HandleFunc("GET /v1/rooms/{id}", h.room)
	mux.HandleFunc("GET /v1/rooms", h.batch)
	mux.HandleFunc("GET /v1/live", h.live)
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func (h *house) command(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var id int64
	switch path.Base(r.URL.Path) {
	case "UpdateRoom":
		var m anchorv1.UpdateRoomRequest
		_ = proto.Unmarshal(body, &m)
		id = m.GetId()
	default: // start and stop look alike
		var m anchorv1.StartRoomRequest
		_ = proto.Unmarshal(body, &m)
		id = m.GetId()
	}
	i, _ := h.Index(id)
	h.mu.Lock()
	h.versions[i]++
	version := h.versions[i]
	h.mu.Unlock()
	if h.lies.acknowledged != nil {
		version = h.lies.acknowledged(version)
	}
	out, _ := proto.Marshal(&anchorv1.RoomResponse{Room: &roomv1.Room{Id: id, Version: version}})
	_, _ = w.Write(out)
}

// cardOf is a room's card, with its version. The lock is held.
func (h *house) cardOf(i int) view.RoomCard {
	version := h.versions[i]
	if h.lies.shown != nil {
		version = h.lies.shown(i, version)
	}
	s := h.Kind(i).At(version)
	c := view.RoomCard{ID: ident.RoomID(h.ID(i)), AnchorID: ident.AnchorID(i + 1), Title: string(AppendTitle(nil, s.Titled)), Version: ident.Version(version)}
	c.Live.Epoch = ident.Epoch(s.Epoch)
	if s.Live {
		c.Live.Status = view.Live
	}
	if h.lies.card != nil {
		h.lies.card(&c)
	}
	return c
}

func (h *house) room(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.ParseInt(r.PathValue("id"), 10, 64)
	i, _ := h.Index(id)
	h.mu.Lock()
	c := h.cardOf(i)
	h.mu.Unlock()
	w.Header().Set("X-Room-Version", c.Version.String())
	w.Header().Set("ETag", strconv.Quote(c.Version.String()))
	if r.Header.Get("If-None-Match") == strconv.Quote(c.Version.String()) {
		w.Header().Set("X-Room-Age-Ms", "0")
		if h.lies.headers != nil {
			h.lies.headers(w.Header())
		}
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.answer(w, append(c.AppendJSON([]byte(`{"room":`)), '}'))
}

func (h *house) answer(w http.ResponseWriter, body []byte) {
	w.Header().Set("X-Room-Age-Ms", "0")
	if h.lies.headers != nil {
		h.lies.headers(w.Header())
	}
	if h.lies.body != nil {
		body = h.lies.body(body)
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body)
}

// rooms appends the cards of a list. The lock is held.
func (h *house) rooms(list []int) []byte {
	if h.lies.list != nil {
		list = h.lies.list(list)
	}
	b := []byte(`{"rooms":[`)
	for n, i := range list {
		if n > 0 {
			b = append(b, ',')
		}
		c := h.cardOf(i)
		b = c.AppendJSON(b)
	}
	return append(b, ']')
}

func (h *house) batch(w http.ResponseWriter, r *http.Request) {
	var list []int
	for id := range strings.SplitSeq(r.URL.Query().Get("ids"), ",") {
		n, _ := strconv.ParseInt(id, 10, 64)
		i, _ := h.Index(n)
		list = append(list, i)
	}
	h.mu.Lock()
	b := h.rooms(list)
	h.mu.Unlock()
	h.answer(w, append(b, `,"missing":[]}`...))
}

// live keeps a snapshot in its token: who is on it.
func (h *house) live(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var list []int
	page := 0
	if token := r.URL.Query().Get("page_token"); token != "" {
		number, held, _ := strings.Cut(token, ".")
		page, _ = strconv.Atoi(number)
		for i := range h.Rooms {
			if held[i] == '1' {
				list = append(list, i)
			}
		}
	} else {
		for i, version := range h.versions {
			if h.Kind(i).At(version).Live {
				list = append(list, i)
			}
		}
		if h.lies.onAir != nil {
			list = h.lies.onAir(list)
		}
	}
	held := []byte(strings.Repeat("0", h.Rooms))
	for _, i := range list {
		held[i] = '1'
	}
	next, snapshot, total := "", "s", len(list)
	if rest := len(list) - (page+1)*pageSize; rest > 0 {
		next = strconv.Itoa(page+1) + "." + string(held)
	}
	if h.lies.snapshot != nil {
		snapshot = h.lies.snapshot(page)
	}
	list = list[page*pageSize:]
	b := h.rooms(slices.Clone(list[:min(pageSize, len(list))]))
	h.answer(w, fmt.Appendf(b, `,"next_page_token":%q,"snapshot":%q,"total_size":"%d"}`, next, snapshot, total))
}
