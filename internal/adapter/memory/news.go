package memory

import (
	"context"
	"slices"
	"sync"

	"github.com/greenroomlive/greenroom/internal/flow/follow"
)

// News is follow.News between the nodes of one process. Safe for concurrent use.
type News struct {
	// Lose, when set, is asked before each word; true loses it.
	Lose func() bool

	mu   sync.Mutex
	ears []*func()
}

var _ follow.News = (*News)(nil)

// Tell is follow.News. When it returns, all who listen have heard.
func (n *News) Tell() {
	if n.Lose != nil && n.Lose() {
		return
	}
	n.mu.Lock()
	ears := slices.Clone(n.ears)
	n.mu.Unlock()
	for _, hear := range ears {
		(*hear)()
	}
}

// Hear is follow.News.
func (n *News) Hear(ctx context.Context, f func()) error {
	n.mu.Lock()
	n.ears = append(n.ears, &f)
	n.mu.Unlock()
	<-ctx.Done()
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ears = slices.DeleteFunc(n.ears, func(e *func()) bool { return e == &f })
	return nil
}
