package natsbus

import (
	"log/slog"
	"sync"

	"github.com/nats-io/nats.go"
)

// voice publishes and never holds up its caller: nats.go keeps a lock while it makes a connection again, for as long as
// a server may take to greet, and Publish waits for it. A commit must not. One message is on its way at a time; of
// those that come meanwhile the last one follows, which has to say all that the others did.
type voice struct {
	conn    *nats.Conn
	subject string
	log     *slog.Logger

	mu       sync.Mutex
	speaking bool
	waiting  bool
	next     []byte
}

// say takes the message over. That it cannot be sent is logged and no more: what is said so, is said again soon.
func (v *voice) say(message []byte) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.next, v.waiting = message, true
	if !v.speaking {
		v.speaking = true
		go v.speak()
	}
}

func (v *voice) speak() {
	for {
		v.mu.Lock()
		message := v.next
		if v.speaking = v.waiting; !v.speaking {
			v.mu.Unlock()
			return
		}
		v.next, v.waiting = nil, false
		v.mu.Unlock()
		if err := v.conn.Publish(v.subject, message); err != nil {
			v.log.Debug("natsbus: nobody could be told", "subject", v.subject, "error", err)
		}
	}
}
