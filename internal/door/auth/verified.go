package auth

import (
	"crypto/sha256"
	"sync"
	"time"

	"github.com/greenroomlive/greenroom/internal/flow/command"
)

// maxVerified bounds the memory: far more tokens than send commands at a time.
const maxVerified = 4096

// verified remembers JWTs whose signature was found good. Strangers cannot fill it: only what the
// issuer signed gets in.
type verified struct {
	mu     sync.RWMutex
	byHash map[[sha256.Size]byte]holder
}

// holder is who a token names, from when it no longer does, and by which keys that was found; nil for the one
// key of a development server. Never changed.
type holder struct {
	caller command.Caller
	until  time.Time
	by     *keys
}

// find looks for a token that the present keys have proven: one of them may have been withdrawn since.
func (v *verified) find(hash [sha256.Size]byte, by *keys, now time.Time) (command.Caller, bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	h, ok := v.byHash[hash]
	return h.caller, ok && h.by == by && now.Before(h.until)
}

// keep makes room by dropping what has expired, or else any: who is dropped is only verified again.
func (v *verified) keep(hash [sha256.Size]byte, h holder, now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.byHash) >= maxVerified {
		v.makeRoom(now)
	}
	v.byHash[hash] = h
}

func (v *verified) makeRoom(now time.Time) {
	for hash, h := range v.byHash {
		if !now.Before(h.until) {
			delete(v.byHash, hash)
		}
	}
	for hash := range v.byHash {
		if len(v.byHash) < maxVerified {
			return
		}
		delete(v.byHash, hash)
	}
}
