package bench

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/greenroomlive/greenroom/internal/flow/audience"
)

func TestNodesAgreeOnDifferentViewers(t *testing.T) {
	r := &run{root: t.TempDir()}
	nodes, err := r.countTogether(t.Context(), []int{200, 40})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range nodes {
		if a, b := n.of(1), n.of(2); a.Unique != 200 || a.Online != 300 || b.Unique != 40 || b.Online != 60 {
			t.Errorf("a node counts %+v and %+v", a, b)
		}
	}
}

func TestAViewerTakesMemory(t *testing.T) {
	const viewers = 20_000
	got, err := viewerBytes(t.Context(), viewers, 10)
	if err != nil || got < 16 || got > 2000 { // its key and its time alone take 16
		t.Errorf("%v bytes, %v", got, err)
	}
}

func TestEachHeartbeatIsAnotherViewers(t *testing.T) {
	rooms := []int64{5, 6, 7}
	seen := map[string]bool{}
	for i, request := range heartbeats(rooms) {
		path, body, _ := strings.Cut(request, " ")
		var said struct {
			ViewerID string `json:"viewer_id"`
		}
		if err := json.Unmarshal([]byte(body), &said); err != nil || audience.CheckViewer(said.ViewerID) != nil {
			t.Fatalf("%s: %v", body, err)
		}
		if i < 3 && path != "/v1/rooms/"+[]string{"5", "6", "7"}[i]+"/heartbeat" {
			t.Errorf("heartbeat %d goes to %s", i, path)
		}
		seen[said.ViewerID] = true
	}
	if len(seen) != beaters {
		t.Errorf("%d viewers, want %d", len(seen), beaters)
	}
}

func TestTheScriptNamesItsRequests(t *testing.T) {
	path := filepath.Join(t.TempDir(), `a "b".lua`)
	if err := writeScript(path, "secret", []string{"/a {}", "/b {}"}); err != nil {
		t.Fatal(err)
	}
	script, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(script), `a \"b\".lua.txt"`) || !strings.Contains(string(script), `"^(%S+) (.*)$"`) ||
		!strings.Contains(string(script), `local token = "secret"`) {
		t.Errorf("%s, %v", script, err)
	}
	if list, err := os.ReadFile(path + ".txt"); string(list) != "/a {}\n/b {}\n" {
		t.Errorf("%q, %v", list, err)
	}
}

func TestTheConstantServersAnswerPosts(t *testing.T) {
	for name, serve := range constants {
		if name == "grpc" {
			continue
		}
		addr := serves(t, func(ctx context.Context, listening func(string)) error { return serve(ctx, 35, listening) })
		resp, err := http.Post("http://"+addr+"/v1/rooms/5/heartbeat", "application/json", strings.NewReader(`{"viewer_id":"x"}`))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK || len(body) != 35 {
			t.Errorf("%s: %s with %d bytes, %v", name, resp.Status, len(body), err)
		}
		http.DefaultClient.CloseIdleConnections()
	}
}
