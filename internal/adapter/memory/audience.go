package memory

import (
	"errors"
	"slices"
	"sync"

	"github.com/greenroomlive/greenroom/internal/flow/audience"
)

var errNoPage = errors.New("memory: a page is beyond its bounds")

// AudiencePages is the air between the nodes of one process. Safe for concurrent use.
type AudiencePages struct {
	mu    sync.Mutex
	nodes []*AudienceNode
}

// Node makes one more node.
func (w *AudiencePages) Node() *AudienceNode {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := &AudienceNode{air: w}
	w.nodes = append(w.nodes, n)
	return n
}

// AudienceNode is audience.Exchange of one node.
type AudienceNode struct {
	air *AudiencePages

	mu   sync.Mutex
	hear func(*audience.Page)
}

var _ audience.Exchange = (*AudienceNode)(nil)

// Tell is audience.Exchange. When it returns, all nodes that listen have heard.
func (n *AudienceNode) Tell(p *audience.Page) error {
	if !p.Fits() {
		return errNoPage
	}
	n.air.mu.Lock()
	nodes := slices.Clone(n.air.nodes)
	n.air.mu.Unlock()
	for _, other := range nodes {
		if other != n {
			other.take(p)
		}
	}
	return nil
}

// take hands over a copy: the page is the teller's.
func (n *AudienceNode) take(p *audience.Page) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.hear == nil {
		return
	}
	own := *p
	own.Parts = slices.Clone(p.Parts)
	for i := range own.Parts {
		part := &own.Parts[i]
		part.Totals, part.Sketch, part.Fresh = slices.Clone(part.Totals), slices.Clone(part.Sketch), slices.Clone(part.Fresh)
	}
	n.hear(&own)
}

// Listen is audience.Exchange; a node listens once at a time.
func (n *AudienceNode) Listen(hear func(*audience.Page)) (stop func(), err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hear = hear
	return func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.hear = nil
	}, nil
}
