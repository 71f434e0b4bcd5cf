package feed

import (
	"strconv"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/ident"
)

// Frame is one event, encoded once and shared by all who watch.
type Frame struct {
	Seq  ident.FeedSeq
	Room ident.RoomID
	Type event.Type
	// JSON is the line without its end. Never changed.
	JSON []byte

	// message is the event as it is sent; JSON lies in it. Set in what a watcher returns.
	message []byte
}

// framed lays the forms in which an event is sent into one piece of memory, each a part of the next.
func (f Frame) framed() Frame {
	const longestFraming = len("id: ") + 20 + len("\nevent: ") + len("\ndata: ") + len("\n\n")
	b := make([]byte, 0, longestFraming+len(f.Type)+len(f.JSON))
	b = strconv.AppendInt(append(b, "id: "...), int64(f.Seq), 10)
	b = append(append(b, "\nevent: "...), f.Type...)
	b = append(b, "\ndata: "...)
	begin := len(b)
	b = append(b, f.JSON...)
	end := len(b)
	f.message = append(b, "\n\n"...)
	f.JSON = b[begin:end:end]
	return f
}

// Message is the event as a server-sent event; its id is the cursor. Never changed.
func (f *Frame) Message() []byte { return f.message }

// Line is the event as a line of JSON, with its end. Never changed.
func (f *Frame) Line() []byte {
	end := len(f.message) - 1 // of the message's two line feeds, the line has the first
	return f.message[end-1-len(f.JSON) : end : end]
}
