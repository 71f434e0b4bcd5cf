package queryapi

import (
	"bytes"
	"context"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	speakv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/speak/v1"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/speak"
	"github.com/greenroomlive/greenroom/internal/wire"
)

// Chat systems ask who may speak. They are no viewers: what they learn is who was muted, so they show a token.

const (
	// maxQuestions bounds one call; as many with longest texts would not fit into maxAsked, and nobody sends those.
	maxQuestions = 1000
	// maxAsked bounds the body of a question, or of a batch.
	maxAsked = 1 << 20
)

// Speech answers who may speak.
type Speech struct {
	// Court judges; nil while it has not heard of everybody yet.
	Court func() *speak.Court
	// MayAsk refuses whoever holds no token that is good for it. It is asked for each question, and remembers tokens.
	MayAsk func(ctx context.Context, bearer string) error
	// Knows reports whether MayAsk would let a token in without having to look it up. It waits for nothing.
	Knows func(bearer []byte) bool
	Now   func() time.Time
}

var (
	pathCheck = []byte(":checkSpeak")
	pathBatch = []byte(":batchCheckSpeak")
)

// speakTarget reads of which room is asked, and whether for many, out of a request target.
func speakTarget(target []byte) (room ident.RoomID, batch, ok bool) {
	if !bytes.HasPrefix(target, pathRooms) {
		return 0, false, false
	}
	path, _, _ := bytes.Cut(target[len(pathRooms):], []byte{'?'})
	id, ok := bytes.CutSuffix(path, pathCheck)
	if !ok {
		if id, ok = bytes.CutSuffix(path, pathBatch); !ok {
			return 0, false, false
		}
		batch = true
	}
	n, ok := number(id)
	return ident.RoomID(n), batch, ok
}

// asksToSpeak reports whether a request is a chat system's.
func asksToSpeak(h *fasthttp.RequestHeader) bool {
	_, _, ok := speakTarget(h.RequestURI())
	return ok && h.IsPost()
}

// speak answers POST /v1/rooms/{id}:checkSpeak and :batchCheckSpeak.
func (s *HTTP) speak(ctx *fasthttp.RequestCtx, room ident.RoomID, batch bool) {
	if !ctx.IsPost() {
		ctx.Response.Header.Set("Allow", fasthttp.MethodPost)
		s.fail(ctx, fault.MethodNotAllowed.New("%s is not POST", ctx.Method()))
		return
	}
	s.answer(ctx, func(ctx *fasthttp.RequestCtx, within context.Context) error {
		if err := params(ctx); err != nil {
			return err
		}
		if err := s.Speech.MayAsk(within, bearer(ctx)); err != nil {
			return err
		}
		hearing, err := s.hearing(within, room)
		if err != nil {
			return err
		}
		out := ctx.Response.SwapBody(nil)[:0]
		if batch {
			out, err = hearing.many(out, ctx.Request.Body())
		} else {
			out, err = hearing.single(out, ctx.Request.Body())
		}
		if err != nil {
			return err
		}
		return writeJSON(ctx, neverStored, out)
	})
}

// bearer is the token of a request; empty for none.
func bearer(ctx *fasthttp.RequestCtx) string {
	return string(token(ctx.Request.Header.PeekBytes(headerAuthorization)))
}

// token takes the token out of the value of an Authorization header.
func token(header []byte) []byte {
	scheme, token, _ := bytes.Cut(header, []byte{' '})
	if !bytes.EqualFold(scheme, []byte("Bearer")) {
		return nil
	}
	return token
}

// hearing is what is known when questions about a room are asked.
type hearing struct {
	court *speak.Court
	room  ident.RoomID
	owner ident.AnchorID
	now   time.Time
}

// hearing is begun for a room that there is. NOT_READY while the court has not heard of everybody: who was banned must not
// speak because a node has just started.
func (c *Config) hearing(ctx context.Context, room ident.RoomID) (hearing, error) {
	if h, ok := c.residentHearing(room); ok {
		return h, nil
	}
	court := c.Speech.Court()
	if court == nil {
		return hearing{}, fault.NotReady.New("this node does not know yet who is muted")
	}
	e, err := c.Rooms.Get(ctx, room, 0)
	if err != nil {
		return hearing{}, err
	}
	return hearing{court, room, wire.OwnerOf(e.Proto), c.Speech.Now()}, nil
}

// residentHearing is hearing from memory alone.
func (c *Config) residentHearing(room ident.RoomID) (h hearing, ok bool) {
	court := c.Speech.Court()
	if court == nil {
		return h, false
	}
	e, ok := c.Rooms.Lookup(room)
	if !ok {
		return h, false
	}
	return hearing{court, room, wire.OwnerOf(e.Proto), c.Speech.Now()}, true
}

func (h *hearing) single(b, body []byte) ([]byte, error) {
	q, plain := plainQuestion(string(body))
	if !plain {
		m := &speakv1.Question{}
		if err := readJSON(body, m); err != nil {
			return nil, err
		}
		var err error
		if q, err = isAsked("", m); err != nil {
			return nil, err
		}
	}
	if err := checkQuestion("", &q); err != nil {
		return nil, err
	}
	return h.appendAnswer(b, &q), nil
}

// appendAnswer is the JSON of a speakv1.CheckSpeakResponse.
func (h *hearing) appendAnswer(b []byte, q *speak.Question) []byte {
	return append(h.appendVerdict(append(b, `{"verdict":`...), q), '}')
}

func (h *hearing) many(b, body []byte) ([]byte, error) {
	list, plain := plainQuestions(string(body))
	if !plain {
		m := &speakv1.BatchCheckSpeakRequest{}
		if err := readJSON(body, m); err != nil {
			return nil, err
		}
		if m.GetRoomId() != 0 {
			return nil, invalid("room_id", "the room stands in the path")
		}
		var err error
		if list, err = questions(m.GetQuestions()); err != nil {
			return nil, err
		}
	}
	if err := checkQuestions(list); err != nil {
		return nil, err
	}
	b = append(b, `{"verdicts":[`...)
	for i := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = h.appendVerdict(b, &list[i])
	}
	return append(b, "]}"...), nil
}

// appendVerdict is the JSON of a speakv1.Verdict.
func (h *hearing) appendVerdict(b []byte, q *speak.Question) []byte {
	v := h.court.Check(h.room, h.owner, q, h.now)
	b = append(strconv.AppendInt(append(b, `{"user_id":"`...), int64(q.User), 10), `","allowed":`...)
	rule := string(v.Rule)
	if v.Allowed() {
		b, rule = append(b, "true"...), "NOTHING"
	} else {
		b = append(b, "false"...)
	}
	b = append(append(append(b, `,"rule":"`...), rule...), `","until":`...)
	b = view.AppendTime(b, v.Until)
	b = view.AppendString(append(b, `,"reason":`...), v.Reason)
	return append(b, '}')
}

// readJSON reads a message; a field that is unknown is refused by its name.
func readJSON(body []byte, m proto.Message) error {
	if err := protojson.Unmarshal(body, m); err != nil {
		if found := unknownField.FindStringSubmatch(err.Error()); found != nil {
			return invalid(found[1], "there is no such field")
		}
		return fault.InvalidArgument.New("the body is no JSON of the fields that belong here")
	}
	return nil
}

func questions(list []*speakv1.Question) ([]speak.Question, error) {
	if len(list) < 1 || len(list) > maxQuestions {
		return nil, invalid("questions", "questions are 1 to %d", maxQuestions)
	}
	out := make([]speak.Question, len(list))
	for i, m := range list {
		var err error
		if out[i], err = isAsked(numbered(i), m); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// isAsked is what a message asks; at is where the message stands.
func isAsked(at string, m *speakv1.Question) (q speak.Question, err error) {
	q = speak.Question{User: ident.UserID(m.GetUserId()), Text: m.GetText(), Member: m.GetMember(), OnlyEmotes: m.GetOnlyEmotes()}
	for _, t := range []struct {
		name string
		sent *timestamppb.Timestamp
		to   *time.Time
	}{{"last_message_at", m.GetLastMessageAt(), &q.Last}, {"account_created_at", m.GetAccountCreatedAt(), &q.AccountCreated}} {
		if t.sent == nil {
			continue
		}
		if t.sent.CheckValid() != nil {
			return q, invalid(at+t.name, "%s is a time of the years 1 to 9999", t.name)
		}
		*t.to = t.sent.AsTime()
	}
	return q, nil
}

// numbered is where a question of a batch stands.
func numbered(i int) string { return "questions[" + strconv.Itoa(i) + "]." }

func checkQuestions(list []speak.Question) error {
	for i := range list {
		if checkQuestion("", &list[i]) != nil {
			return checkQuestion(numbered(i), &list[i])
		}
	}
	return nil
}

func checkQuestion(at string, q *speak.Question) error {
	if err := positive(at+"user_id", int64(q.User)); err != nil {
		return err
	}
	if len(q.Text) > speak.MaxText {
		return invalid(at+"text", "a text has at most %d bytes", speak.MaxText)
	}
	return nil
}
