package greenroom

import (
	"errors"
	"hash/fnv"
	"strconv"
	"strings"
)

// A snapshot of the live list is kept by the node that was asked for the first page. Among several nodes a page
// token therefore names its node too, by a hash of the address: callers hand tokens on to browsers, and the
// addresses are nobody's business there.

const pinMark = "@"

func (n *node) mark() string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(n.url)) // never fails
	return pinMark + strconv.FormatUint(uint64(h.Sum32()), 36)
}

// pin marks a token with the node that gave it.
func (p *pool) pin(token string, node int) string {
	if token == "" || len(p.nodes) == 1 {
		return token
	}
	return token + p.nodes[node].mark()
}

// pinned takes the mark off; the node counts from 1, and 0 is any. TOKEN_EXPIRED when it is not among ours.
func (p *pool) pinned(token string) (bare string, node int, fault *Error) {
	cut := strings.LastIndex(token, pinMark)
	if cut < 0 || len(p.nodes) == 1 {
		return token, 0, nil
	}
	for i, n := range p.nodes {
		if n.mark() == token[cut:] {
			return token[:cut], i + 1, nil
		}
	}
	return "", 0, lost("its node is not among those of this client", nil)
}

// unpinned turns the failure of the one node that could have answered into what it means: the snapshot is gone.
func (r *request) unpinned(err error) error {
	if fault, ok := errors.AsType[*Error](err); ok && r.pinned > 0 && fault.verdict() == gone {
		return lost("its node cannot be reached", fault)
	}
	return err
}

func lost(why string, cause error) *Error {
	return &Error{Code: "TOKEN_EXPIRED", Message: "the snapshot behind this page token is lost, " + why + "; start the crawl again", cause: cause}
}
