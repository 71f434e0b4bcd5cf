package mysqlstore_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/greenroomlive/greenroom/internal/adapter/mysqlstore"
	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/ident"
)

func in(rooms ...ident.RoomID) (events []event.RoomEvent) {
	for _, id := range rooms {
		events = append(events, event.RoomEvent{RoomID: id})
	}
	return events
}

// TestAnnouncementsOfARoomKeepItsOrder: a commit that is answered early waits for the earlier ones of its rooms, and
// for nothing else.
func TestAnnouncementsOfARoomKeepItsOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := mysqlstore.NewOrder()
		var said []string
		announce := func(name string, rooms ...ident.RoomID) (answered chan struct{}) {
			answered = make(chan struct{})
			p := o.Queue(in(rooms...))
			go func() {
				<-answered
				p.Await(t.Context())
				said = append(said, name)
				p.Leave()
			}()
			return answered
		}
		first, second, third, apart := announce("first", 1), announce("second", 1, 2, 2), announce("third", 2), announce("apart", 3)
		for _, step := range []struct {
			answered chan struct{}
			said     []string
		}{
			{third, nil},
			{second, nil},
			{apart, []string{"apart"}},
			{first, []string{"apart", "first", "second", "third"}},
		} {
			close(step.answered)
			synctest.Wait()
			if !slices.Equal(said, step.said) {
				t.Errorf("announced were %v, want %v", said, step.said)
			}
		}
		if n := o.Waiting(); n != 0 {
			t.Errorf("%d rooms are kept in mind for nobody", n)
		}
		o.Queue(in(1)) // and never answered
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		o.Queue(in(1)).Await(ctx)
	})
}
