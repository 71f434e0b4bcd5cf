package greenroom_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"

	greenroom "github.com/greenroomlive/greenroom/client"
)

// A broadcaster opens a room; a viewer reads it, at least as new as that.
func Example() {
	servers := exampleServers()
	defer servers.Close()
	c := greenroom.New(greenroom.CommandURL(servers.URL), greenroom.QueryURL(servers.URL), greenroom.Token("a token"))
	ctx := context.Background()

	made, err := c.CreateRoom(ctx, &greenroom.NewRoom{Title: "Late night chess", Tags: []string{"chess"}})
	if err != nil {
		log.Fatal(err)
	}
	room := made.GetRoom()
	seen, err := c.GetRoom(ctx, room.GetId(), greenroom.MinVersion(room.GetVersion()))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(seen.GetTitle(), seen.GetLive().GetStatus())

	_, err = c.GetRoom(ctx, 404)
	if greenroom.HasCode(err, "ROOM_NOT_FOUND") {
		fmt.Println("no such room")
	}
	// Output:
	// Late night chess IDLE
	// no such room
}

// A viewers' front end in zone a reads there while it can, and in zone b when it cannot.
func ExampleZones() {
	servers := exampleServers()
	defer servers.Close()
	c := greenroom.New(
		greenroom.Zones(
			greenroom.Zone{Name: "a", Query: []string{"http://127.0.0.1:1", "http://127.0.0.1:2"}}, // nobody listens there
			greenroom.Zone{Name: "b", Query: []string{servers.URL}, Command: []string{servers.URL}},
		),
		greenroom.Monotonic(100_000), // what a viewer has seen does not go back
	)
	seen, err := c.GetRoom(context.Background(), 7)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(seen.GetTitle(), "from zone", seen.Zone)
	// Output: Late night chess from zone b
}

// exampleServers stands in for `greenroom dev`.
func exampleServers() *httptest.Server {
	const room = `{"room":{"id":"7","title":"Late night chess","live":{"status":"IDLE"},"version":"1"}}`
	mux := http.NewServeMux()
	mux.HandleFunc("POST /greenroom.anchor.v1.AnchorService/CreateRoom", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/proto")
		_, _ = w.Write([]byte{10, 4, 8, 7, 96, 1}) // room {id: 7, version: 1}
	})
	mux.HandleFunc("GET /v1/rooms/7", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, room) })
	mux.HandleFunc("GET /v1/rooms/404", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `{"error":{"code":"ROOM_NOT_FOUND","message":"there is no room 404","details":{},"request_id":"r"}}`)
	})
	return httptest.NewServer(mux)
}
