package queryapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	speakv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/speak/v1"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/door/queryapi"
	"github.com/greenroomlive/greenroom/internal/flow/speak"
)

// goodToken is the one that may ask.
const goodToken = "good"

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// speech is of a court that the test may replace; it is always noon there.
func (h *house) speech() *queryapi.Speech {
	return &queryapi.Speech{
		Court: h.court.Load, Now: func() time.Time { return noon },
		Knows: func(bearer []byte) bool { return string(bearer) == goodToken },
		MayAsk: func(_ context.Context, bearer string) error {
			switch bearer {
			case goodToken:
				return nil
			case "":
				return fault.Unauthenticated.New("no token")
			}
			return fault.PermissionDenied.New("not this one")
		},
	}
}

// judged opens a house with rooms 1 and 2 of anchors 1 and 2, in which something was decided.
func judged(t testing.TB) *house {
	t.Helper()
	h := open(t)
	h.commit(room(1, 3), room(2, 1))
	court := speak.New()
	tell := func(id ident.RoomID, d view.Detail) {
		if err := court.Tell(id, &d); err != nil {
			t.Fatal(err)
		}
	}
	tell(1, view.Detail{
		People: []view.Person{{User: 5, Mute: &view.Sanction{Until: noon.Add(time.Hour), Reason: "spam"}}},
		Rules:  &view.Rules{SlowMode: 10 * time.Second, BlockedTerms: []string{"spoiler"}},
	})
	tell(ident.Platform, view.Detail{People: []view.Person{{User: 6, Ban: &view.Sanction{Reason: "fraud"}}}})
	tell(2, view.Detail{Rules: &view.Rules{MembersOnly: true, MinAccountAge: time.Hour, EmoteOnly: true}})
	h.court.Store(court)
	return h
}

// ask posts a question.
func (h *house) ask(t testing.TB, path, body string, headers ...string) answer {
	t.Helper()
	return h.send(t, http.MethodPost, path, strings.NewReader(body), append([]string{"Authorization", "Bearer " + goodToken}, headers...)...)
}

// compact is the JSON of a message as the door writes it.
func compact(t testing.TB, m proto.Message) string {
	t.Helper()
	text, err := protojson.MarshalOptions{UseProtoNames: true, EmitUnpopulated: true}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := json.Compact(&out, text); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestSpeakIsTheSameOnBothProtocols(t *testing.T) {
	h := judged(t)
	client := speakv1.NewSpeakServiceClient(h.grpc)
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "bearer "+goodToken)
	for _, tc := range []struct {
		room    int64
		body    string
		rule    speakv1.Rule
		allowed bool
	}{
		{1, `{"user_id":"9"}`, speakv1.Rule_NOTHING, true},
		{1, `{"user_id":"5"}`, speakv1.Rule_MUTE, false},
		{2, `{"user_id":"5","member":true,"only_emotes":true,"account_created_at":"2026-11-24T10:00:00Z"}`, speakv1.Rule_NOTHING, true},
		{1, `{"user_id":"6"}`, speakv1.Rule_PLATFORM_BAN, false},
		{1, `{"user_id":"9", "text":"no spoiler please"}`, speakv1.Rule_BLOCKED_TERMS, false},
		{1, `{"user_id":"9","text":"no sp\u006filer please"}`, speakv1.Rule_BLOCKED_TERMS, false},
		{1, `{"user_id":9,"text":"fine"}`, speakv1.Rule_NOTHING, true},
		{1, ` { "userId" : "9" , "lastMessageAt" : "2026-11-24T12:59:55+01:00" } `, speakv1.Rule_SLOW_MODE, false},
		{1, `{"user_id":"9","last_message_at":"2026-11-24T11:59:55.250Z"}`, speakv1.Rule_SLOW_MODE, false},
		{2, `{"user_id":"9","member":false}`, speakv1.Rule_MEMBERS_ONLY, false},
		{2, `{"user_id":"9","member":true,"account_created_at":"2026-11-24T11:30:00Z"}`, speakv1.Rule_ACCOUNT_AGE, false},
		{2, `{"user_id":"9","member":true,"account_created_at":"2026-11-24T10:00:00Z","text":"words"}`, speakv1.Rule_EMOTE_ONLY, false},
	} {
		q := &speakv1.Question{}
		if err := protojson.Unmarshal([]byte(tc.body), q); err != nil {
			t.Fatal(err)
		}
		got, err := client.CheckSpeak(ctx, &speakv1.CheckSpeakRequest{RoomId: tc.room, Question: q})
		if err != nil || got.GetVerdict().GetRule() != tc.rule || got.GetVerdict().GetAllowed() != tc.allowed || got.GetVerdict().GetUserId() != q.GetUserId() {
			t.Errorf("%s in room %d: %v, %v; want %v", tc.body, tc.room, got, err, tc.rule)
			continue
		}
		for path, want := range map[string]proto.Message{
			fmt.Sprintf("/v1/rooms/%d:checkSpeak", tc.room):      got,
			fmt.Sprintf("/v1/rooms/%d:batchCheckSpeak", tc.room): &speakv1.BatchCheckSpeakResponse{Verdicts: []*speakv1.Verdict{got.GetVerdict(), got.GetVerdict()}},
		} {
			body := tc.body
			if strings.Contains(path, "batch") {
				body = `{"questions":[` + body + `,` + body + `]}`
			}
			a := h.ask(t, path, body)
			if text := compact(t, want); a.StatusCode != 200 || a.body != text {
				t.Errorf("POST %s %s: %d\n got %s\nwant %s", path, body, a.StatusCode, a.body, text)
			}
		}
	}
	batch, err := client.BatchCheckSpeak(ctx, &speakv1.BatchCheckSpeakRequest{RoomId: 1, Questions: []*speakv1.Question{{UserId: 5}, {UserId: 9}}})
	if err != nil || len(batch.GetVerdicts()) != 2 || batch.GetVerdicts()[0].GetAllowed() || !batch.GetVerdicts()[1].GetAllowed() {
		t.Errorf("%v, %v", batch, err)
	}
}

func TestTheOwnerOfTheRoomMaySpeak(t *testing.T) {
	h := judged(t)
	a := h.ask(t, "/v1/rooms/2:checkSpeak", fmt.Sprintf(`{"user_id":"%d","text":"words"}`, room(2, 1).AnchorID))
	if a.StatusCode != 200 || !strings.Contains(a.body, `"allowed":true`) {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
}

func TestQuestionsThatAreRefused(t *testing.T) {
	h := judged(t)
	for _, tc := range []struct {
		path, body, field string
		status            int
	}{
		{"1:checkSpeak", `{"user_id":"0"}`, "user_id", 400},
		{"1:checkSpeak", `{}`, "user_id", 400},
		{"1:checkSpeak", ``, "", 400},
		{"1:checkSpeak", `{"user_id":"1","user_id":"2"}`, "", 400},
		{"1:checkSpeak", `{"user":"1"}`, "user", 400},
		{"1:checkSpeak", `{"user_id":"1","text":"` + strings.Repeat("x", speak.MaxText+1) + `"}`, "text", 400},
		{"1:checkSpeak", `{"user_id":"1","last_message_at":"yesterday"}`, "", 400},
		{"1:checkSpeak", `{"user_id":"1"`, "", 400},
		{"1:checkSpeak", `{"user_id":"1"}}`, "", 400},
		{"1:checkSpeak", "{\"user_id\":\"1\",\"text\":\"\xff\"}", "", 400},
		{"1:checkSpeak?x=1", `{"user_id":"1"}`, "x", 400},
		{"1:batchCheckSpeak", `{"questions":[]}`, "questions", 400},
		{"1:batchCheckSpeak", `{"room_id":"1","questions":[{"user_id":"1"}]}`, "room_id", 400},
		{"1:batchCheckSpeak", `{"questions":[{"user_id":"1"},{"user_id":"-1"}]}`, "questions[1].user_id", 400},
		{"1:batchCheckSpeak", `{"questions":[` + strings.Repeat(`{"user_id":"1"},`, 1000) + `{"user_id":"1"}]}`, "questions", 400},
		{"1:batchCheckSpeak", strings.Repeat(" ", 1<<20) + `{}`, "", 413},
		{"77:checkSpeak", `{"user_id":"1"}`, "", 404},
	} {
		a := h.ask(t, "/v1/rooms/"+tc.path, tc.body)
		if a.StatusCode != tc.status || tc.field != "" && !strings.Contains(a.body, fmt.Sprintf(`"field":%q`, tc.field)) {
			t.Errorf("POST %s %.60s: %d %.200s, want %d about %q", tc.path, tc.body, a.StatusCode, a.body, tc.status, tc.field)
		}
	}
	if a := h.get(t, "/v1/rooms/1:checkSpeak"); a.StatusCode != 405 || a.Header.Get("Allow") != "POST" {
		t.Errorf("GET: %d %v", a.StatusCode, a.Header)
	}
}

func TestWhoMayAsk(t *testing.T) {
	h := judged(t)
	for header, status := range map[string]int{"": 401, "Basic good": 401, "Bearer other": 403, "bearer good": 200} {
		a := h.send(t, http.MethodPost, "/v1/rooms/1:checkSpeak", strings.NewReader(`{"user_id":"5"}`), "Authorization", header)
		if a.StatusCode != status || status != 200 && strings.Contains(a.body, "spam") {
			t.Errorf("%q: %d %s, want %d", header, a.StatusCode, a.body, status)
		}
	}
	client := speakv1.NewSpeakServiceClient(h.grpc)
	if got, err := client.CheckSpeak(t.Context(), &speakv1.CheckSpeakRequest{RoomId: 1, Question: &speakv1.Question{UserId: 5}}); err == nil {
		t.Errorf("without a token: %v", got)
	}
}

// Until a node knows who is muted, nobody is told that he may speak.
func TestANodeThatKnowsNobodyYet(t *testing.T) {
	h := judged(t)
	h.court.Store(nil)
	if a := h.ask(t, "/v1/rooms/1:checkSpeak", `{"user_id":"5"}`); a.StatusCode != 503 || !strings.Contains(a.body, "NOT_READY") {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
}

// One connection may ask again and again.
func TestAConnectionAsksAgain(t *testing.T) {
	h := judged(t)
	a := h.ask(t, "/v1/rooms/1:checkSpeak", `{"user_id":"5"}`)
	if a.Close || a.Header.Get("Connection") == "close" {
		t.Error("the connection is closed behind a question")
	}
}
