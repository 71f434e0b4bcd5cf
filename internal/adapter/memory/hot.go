package memory

import (
	"errors"
	"slices"
	"sync"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/query"
)

var errNoWord = errors.New("memory: a word of hot rooms is 1 to query.MaxHot positive ids")

// HotWords is the air between the nodes of one process. Safe for concurrent use.
type HotWords struct {
	mu    sync.Mutex
	nodes []*HotNode
}

// Node makes one more node.
func (w *HotWords) Node() *HotNode {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := &HotNode{air: w}
	w.nodes = append(w.nodes, n)
	return n
}

// HotNode is query.Announcer of one node.
type HotNode struct {
	air *HotWords

	mu   sync.Mutex
	hear func([]ident.RoomID)
}

var _ query.Announcer = (*HotNode)(nil)

// Announce is query.Announcer. When it returns, all nodes that listen have heard.
func (n *HotNode) Announce(rooms []ident.RoomID) error {
	if len(rooms) < 1 || len(rooms) > query.MaxHot || slices.Min(rooms) <= 0 {
		return errNoWord
	}
	n.air.mu.Lock()
	nodes := slices.Clone(n.air.nodes)
	n.air.mu.Unlock()
	for _, other := range nodes {
		if other != n {
			other.take(slices.Clone(rooms))
		}
	}
	return nil
}

func (n *HotNode) take(rooms []ident.RoomID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.hear != nil {
		n.hear(rooms)
	}
}

// Listen is query.Announcer; a node listens once at a time.
func (n *HotNode) Listen(hear func(rooms []ident.RoomID)) (stop func(), err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hear = hear
	return func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.hear = nil
	}, nil
}
