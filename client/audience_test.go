package greenroom_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	greenroom "github.com/greenroomlive/greenroom/client"
)

func TestGetAudience(t *testing.T) {
	var asked []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.RequestURI())
		_, _ = io.WriteString(w, `{"room_id":"7","session_id":"9","online":"20","as_of":null,"unique_error":0.004,"points":[{"minute":"2026-11-22T12:00:00Z","online":"1"}],"next_page_token":"9.a"}`)
	}))
	defer srv.Close()
	c := greenroom.New(greenroom.QueryURL(srv.URL), greenroom.HTTPClient(srv.Client()))
	noon := time.Date(2026, 11, 22, 13, 0, 0, 0, time.FixedZone("", 3600))
	for _, q := range []greenroom.AudienceQuery{
		{},
		{Session: 9, From: noon, To: noon.Add(time.Minute), PageSize: 2, PageToken: "9.a"},
	} {
		a, err := c.GetAudience(t.Context(), 7, q)
		if err != nil || a.GetSessionId() != 9 || a.GetOnline() != 20 || a.GetAsOf() != nil || len(a.GetPoints()) != 1 || a.GetNextPageToken() != "9.a" {
			t.Errorf("%+v: got %v, %v", q, a, err)
		}
	}
	want := []string{
		"/v1/rooms/7/audience",
		"/v1/rooms/7/audience?from=2026-11-22T12%3A00%3A00Z&page_size=2&page_token=9.a&session_id=9&to=2026-11-22T12%3A01%3A00Z",
	}
	if !slices.Equal(asked, want) {
		t.Errorf("asked %q", asked)
	}
}

func TestGetAudienceOfNoRoom(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `{"error":{"code":"ROOM_NOT_FOUND","message":"m","details":{},"request_id":"r"}}`)
	}))
	defer srv.Close()
	_, err := greenroom.New(greenroom.QueryURL(srv.URL), greenroom.HTTPClient(srv.Client())).GetAudience(t.Context(), 7, greenroom.AudienceQuery{})
	if e, ok := errors.AsType[*greenroom.Error](err); !ok || e.Code != "ROOM_NOT_FOUND" {
		t.Errorf("got %v", err)
	}
}
