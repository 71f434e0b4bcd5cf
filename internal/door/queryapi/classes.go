package queryapi

import (
	"bytes"
	"strings"

	audiencev1 "github.com/greenroomlive/greenroom/api/gen/greenroom/audience/v1"
	roomv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/room/v1"
	speakv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/speak/v1"
	"github.com/greenroomlive/greenroom/internal/guard/shed"
)

// headerPriority may lower the class of a request, never raise it: reads are anonymous, and whatever an
// anonymous caller may claim, all would. A page that fetches what its viewer may look at next says card, a
// well-behaved robot says crawl.
var headerPriority = []byte("X-Room-Priority")

// classOf is the class of a request's target. Probes have none: who asks whether the node is alive must hear it
// from a busy one too.
func classOf(target []byte) (class shed.Class, probe bool) {
	path, query, _ := bytes.Cut(target, []byte{'?'})
	if bytes.IndexByte(path, '%') >= 0 || bytes.Contains(path, []byte("/.")) || bytes.Contains(path, []byte("//")) {
		return shed.Crawl, false // the server makes another path of it, and no client of ours asks like that
	}
	switch string(path) {
	case "/healthz", "/readyz":
		return 0, true
	case "/v1/rooms":
		return shed.Card, false
	case "/v1/live", "/v1/search", "/v1/soon":
		// A viewer looks at the first page; who asks for those behind it mostly wants them all.
		if bytes.Contains(query, []byte("page_token=")) {
			return shed.Crawl, false
		}
		return shed.List, false
	case "/v1/areas":
		return shed.List, false
	}
	id, room := bytes.CutPrefix(path, pathRooms)
	switch {
	case room && bytes.IndexByte(id, '/') < 0:
		return shed.Enter, false
	case room, bytes.HasPrefix(path, []byte("/v1/anchors/")):
		return shed.Card, false
	}
	return shed.Crawl, false // the whole live set, the whole feed, or a path that somebody guesses
}

// classOfMethod is the same for gRPC. Health and reflection are not Greenroom's and have no class.
func classOfMethod(full string) (class shed.Class, probe bool) {
	switch full {
	case roomv1.RoomService_GetRoom_FullMethodName:
		return shed.Enter, false
	case roomv1.RoomService_BatchGetRooms_FullMethodName, roomv1.RoomService_ListAnchorRooms_FullMethodName, roomv1.RoomService_GetAudience_FullMethodName:
		return shed.Card, false
	case roomv1.RoomService_WatchFeed_FullMethodName:
		return shed.Crawl, false
	case speakv1.SpeakService_CheckSpeak_FullMethodName, speakv1.SpeakService_BatchCheckSpeak_FullMethodName:
		return shed.Enter, false // a chat that gets no answer stands still
	case audiencev1.AudienceService_Heartbeat_FullMethodName, audiencev1.AudienceService_Like_FullMethodName:
		return shed.Card, false // as over HTTP: a heartbeat that is refused is forgiven, a viewer who cannot enter goes away
	}
	return shed.List, !strings.HasPrefix(full, "/"+roomv1.RoomService_ServiceDesc.ServiceName+"/")
}

// lowered is the class that the caller asks for, when it is lower than its own.
func lowered(class shed.Class, asked []byte) shed.Class {
	if c, ok := shed.ParseClass(asked); ok {
		return max(class, c)
	}
	return class
}
