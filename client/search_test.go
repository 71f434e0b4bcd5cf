package greenroom_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	greenroom "github.com/greenroomlive/greenroom/client"
)

func TestSearch(t *testing.T) {
	var asked []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.RequestURI())
		_, _ = io.WriteString(w, `{"rooms":[{"id":"7"}],"next_page_token":"n","complete":true}`)
	}))
	defer srv.Close()
	c := greenroom.New(greenroom.QueryURL(srv.URL), greenroom.HTTPClient(srv.Client()))
	for _, q := range []greenroom.SearchQuery{
		{Text: "#jazz 世"},
		{Text: "a", Live: true, Area: 3, Language: "zh", PageSize: 2, PageToken: "t"},
	} {
		f, err := c.Search(t.Context(), q)
		if err != nil || len(f.Rooms) != 1 || f.Rooms[0].GetId() != 7 || f.Next != "n" || !f.Complete {
			t.Errorf("found %+v, %v", f, err)
		}
	}
	want := []string{"/v1/search?q=%23jazz+%E4%B8%96", "/v1/search?area=3&language=zh&live=true&page_size=2&page_token=t&q=a"}
	if !slices.Equal(asked, want) {
		t.Errorf("asked %q", asked)
	}
}
