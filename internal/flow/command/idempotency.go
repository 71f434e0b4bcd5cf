package command

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/json"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
)

const (
	answerLife        = 24 * time.Hour
	maxIdempotencyKey = 255
	nonceSize         = 12 // of GCM
)

// remembered runs do in a transaction, and with an Idempotency-Key stores its answer in the same
// transaction: the first answer again, or IDEMPOTENCY_CONFLICT for another request under the
// key. Faults are not remembered: nothing was committed, so the same request may be tried anew.
func remembered[T any](ctx context.Context, a *Anchor, m Meta, name string, request []any, do func(Tx) (T, error)) (T, error) {
	var out T
	if m.IdempotencyKey == "" {
		err := a.write(ctx, m, name, func(tx Tx) error {
			var err error
			out, err = do(tx)
			return err
		})
		return outcome(&out, err)
	}
	memo, err := newMemo(m, name, request)
	if err != nil {
		return out, err
	}
	now := a.now()
	err = a.write(ctx, m, name, func(tx Tx) error {
		old, found, err := tx.Answer(memo.id, now)
		if err != nil {
			return err
		}
		if found {
			return memo.open(old, &out)
		}
		if out, err = do(tx); err != nil {
			return err
		}
		var nonce [nonceSize]byte
		a.random(nonce[:])
		answer, err := memo.seal(out, nonce, now)
		if err != nil {
			return err
		}
		return tx.SaveAnswer(memo.id, answer)
	})
	return outcome(&out, err)
}

// outcome is what a unit left behind, if it was committed. After a fault nothing of it is looked at:
// when a caller's context ends first, the unit may still be running.
func outcome[T any](left *T, err error) (T, error) {
	if err != nil {
		var none T
		return none, err
	}
	return *left, nil
}

// changeRemembered is change for commands that may carry an Idempotency-Key.
func (a *Anchor) changeRemembered(ctx context.Context, m Meta, name string, id ident.RoomID, request any, decide func(Tx, *room.Room, room.By) error) (*room.Room, error) {
	if m.IdempotencyKey == "" {
		return a.change(ctx, m, name, id, decide)
	}
	by := a.by(&m)
	return remembered(ctx, a, m, name, []any{id, request, m.IfMatch}, func(tx Tx) (*room.Room, error) {
		r, err := a.open(tx, m, id)
		if err != nil {
			return nil, err
		}
		if err := decide(tx, r, by); err != nil {
			return nil, err
		}
		return r, tx.SaveRoom(role, r)
	})
}

// memo is one use of an Idempotency-Key.
type memo struct {
	id      AnswerID
	request [sha256.Size]byte
	seals   cipher.AEAD
}

func newMemo(m Meta, name string, request []any) (memo, error) {
	key := m.IdempotencyKey
	if len(key) > maxIdempotencyKey {
		return memo{}, fault.InvalidArgument.New("Idempotency-Key: %d bytes, at most %d", len(key), maxIdempotencyKey).With("field", "Idempotency-Key")
	}
	body, err := json.Marshal(request)
	if err != nil {
		return memo{}, err
	}
	// The stored id and the sealing key are different hashes of the same text: the row that
	// holds the one does not give away the other.
	seal := sha256.Sum256([]byte("seal\x00" + m.Caller.Subject + "\x00" + name + "\x00" + key))
	block, err := aes.NewCipher(seal[:])
	if err != nil {
		return memo{}, err
	}
	gcm, err := cipher.NewGCM(block)
	return memo{
		id:      sha256.Sum256([]byte("id\x00" + m.Caller.Subject + "\x00" + name + "\x00" + key)),
		request: sha256.Sum256(body),
		seals:   gcm,
	}, err
}

// seal encrypts the answer under the fresh nonce, which stands before it.
func (m memo) seal(answer any, nonce [nonceSize]byte, now time.Time) (Answer, error) {
	plain, err := json.Marshal(answer)
	if err != nil {
		return Answer{}, err
	}
	return Answer{Request: m.request, Sealed: m.seals.Seal(nonce[:], nonce[:], plain, nil), ExpiresAt: now.Add(answerLife)}, nil
}

func (m memo) open(old Answer, out any) error {
	if old.Request != m.request {
		return fault.IdempotencyConflict.New("this Idempotency-Key was used with another request").With("field", "Idempotency-Key")
	}
	if len(old.Sealed) < nonceSize {
		return fault.Internal.New("the remembered answer is cut short")
	}
	plain, err := m.seals.Open(nil, old.Sealed[:nonceSize], old.Sealed[nonceSize:], nil)
	if err != nil {
		return fault.Internal.Wrap(err, "the remembered answer cannot be read")
	}
	return json.Unmarshal(plain, out)
}
