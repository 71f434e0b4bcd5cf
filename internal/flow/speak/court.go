package speak

import (
	"sync"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

// Court holds what was decided of people and rules.
type Court struct {
	people *people

	mu    sync.RWMutex
	books map[ident.RoomID]*rulebook
}

// New makes a court that knows of nobody.
func New() *Court { return &Court{people: newPeople(), books: map[ident.RoomID]*rulebook{}} }

// Tell takes in what an event of a room carries. An error says that the rules cannot be used; the people are taken in
// all the same, and the rules that were there stay.
func (c *Court) Tell(room ident.RoomID, d *view.Detail) error {
	for i := range d.People {
		c.people.put(room, &d.People[i])
	}
	if d.Rules == nil {
		return nil
	}
	b, err := compile(d.Rules)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if b == nil {
		delete(c.books, room)
		return nil
	}
	c.books[room] = b
	return nil
}

// Forget empties the court, for another log.
func (c *Court) Forget() {
	c.people.clear()
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.books)
}

// Size is how many entries of people and how many rooms with rules there are.
func (c *Court) Size() (people, rules int) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.people.count(), len(c.books)
}

// book is the rules of a room; nil for none.
func (c *Court) book(room ident.RoomID) *rulebook {
	c.mu.RLock()
	b := c.books[room]
	c.mu.RUnlock()
	return b
}
