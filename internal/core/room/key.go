package room

// Story: an anchor makes, rotates and revokes stream keys, and an encoder shows one.

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"strconv"
	"strings"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
)

// MaxKeys bounds the usable keys of a room.
const MaxKeys = 20

// SecretBytes is the entropy of a key: 160 bits, so that a plain hash of it needs no salt and no stretching.
const SecretBytes = 20

// Key is a stream key: its id and the hash of its secret, never the secret.
type Key struct {
	ID    ident.KeyID
	Room  ident.RoomID
	Label string
	Hash  [sha256.Size]byte
	// ExpiresAt is zero for a key that is valid until it is revoked.
	CreatedAt, ExpiresAt, RevokedAt time.Time
}

const keyPrefix = "gr_"

var keyEncoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// NewKey makes a key from fresh random bytes and returns it with the text that is shown once:
// gr_<key id in base 36>_<secret>. The id in it finds the row without a search by secret.
func NewKey(now time.Time, id ident.KeyID, room ident.RoomID, label string, secret [SecretBytes]byte) (Key, string, error) {
	if err := text("label", label, 64); err != nil {
		return Key{}, "", err
	}
	shown := keyPrefix + strconv.FormatInt(int64(id), 36) + "_" + keyEncoding.EncodeToString(secret[:])
	return Key{ID: id, Room: room, Label: label, Hash: sha256.Sum256([]byte(shown)), CreatedAt: now}, shown, nil
}

// ParseKeyID reads the id out of a shown key; false if it cannot be one.
func ParseKeyID(shown string) (ident.KeyID, bool) {
	rest, ok := strings.CutPrefix(shown, keyPrefix)
	id, _, found := strings.Cut(rest, "_")
	n, err := strconv.ParseInt(id, 36, 64)
	return ident.KeyID(n), ok && found && err == nil && n > 0
}

// Opens reports whether the shown key is this one and usable at now. The comparison takes
// the same time whatever differs.
func (k *Key) Opens(shown string, now time.Time) bool {
	sum := sha256.Sum256([]byte(shown))
	return subtle.ConstantTimeCompare(sum[:], k.Hash[:]) == 1 && k.Usable(now)
}

// Usable reports whether the key is neither revoked nor expired.
func (k *Key) Usable(now time.Time) bool {
	return k.RevokedAt.IsZero() && (k.ExpiresAt.IsZero() || now.Before(k.ExpiresAt))
}

// Revoke ends the key's use. Revoking twice keeps the first time.
func (k *Key) Revoke(now time.Time) {
	if k.RevokedAt.IsZero() {
		k.RevokedAt = now
	}
}

// Retire lets the key live on for the overlap of a rotation. A key that is no longer usable cannot be rotated.
func (k *Key) Retire(now time.Time, overlap time.Duration) error {
	if !k.Usable(now) {
		return fault.KeyNotFound.New("key %s of room %s is revoked or expired; make a new one", k.ID, k.Room)
	}
	until := now.Add(overlap)
	if k.ExpiresAt.IsZero() || until.Before(k.ExpiresAt) {
		k.ExpiresAt = until
	}
	return nil
}

// AdmitKey refuses a key beyond MaxKeys usable ones with KEY_LIMIT.
func AdmitKey(now time.Time, keys []Key) error {
	usable := 0
	for i := range keys {
		if keys[i].Usable(now) {
			usable++
		}
	}
	if usable >= MaxKeys {
		return fault.KeyLimit.New("the room has %d usable keys, at most %d", usable, MaxKeys)
	}
	return nil
}
