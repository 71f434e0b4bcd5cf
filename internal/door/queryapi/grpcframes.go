package queryapi

import (
	"fmt"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	roomv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/room/v1"
	"github.com/greenroomlive/greenroom/internal/flow/feed"
)

// framesKept is how many of the newest events are kept as messages. Watchers that are up to date ask for
// the same few at about the same time; one that catches up makes its own.
const framesKept = 256

// messages makes the gRPC message of an event, once for all who watch: the feed keeps JSON, which is
// what most read, and to parse it takes thirty times as long as to send it.
type messages struct {
	mu   sync.Mutex
	kept [framesKept]struct {
		of      *byte // the line it was made of, which lives as long as it is known here
		message []byte
	}
}

func (m *messages) of(f *feed.Frame) ([]byte, error) {
	m.mu.Lock() // also while it is made: whoever waits wants the same one
	defer m.mu.Unlock()
	k := &m.kept[f.Seq%framesKept]
	if line := &f.JSON[0]; k.of != line {
		var e roomv1.RoomEvent
		if err := protojson.Unmarshal(f.JSON, &e); err != nil {
			return nil, fmt.Errorf("queryapi: feed line %d: %w", f.Seq, err)
		}
		message, err := proto.Marshal(&e)
		if err != nil {
			return nil, fmt.Errorf("queryapi: feed line %d: %w", f.Seq, err)
		}
		k.of, k.message = line, message
	}
	return k.message, nil
}

func (s *GRPC) sendFrames(out grpc.ServerStream, frames []feed.Frame) error {
	for i := range frames {
		message, err := s.messages.of(&frames[i])
		if err != nil {
			return err
		}
		if err := out.SendMsg(encoded{shared: message}); err != nil {
			return err
		}
	}
	return nil
}
