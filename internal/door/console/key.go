package console

import (
	"net/http"
	"strconv"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

// overlaps are how long a rotated key may live on; the form offers these and no others.
var overlaps = map[string]time.Duration{"0": 0, "1h": time.Hour, "24h": 24 * time.Hour, "168h": 7 * 24 * time.Hour}

// keyForm is a key to confirm something about.
type keyForm struct {
	Room ident.RoomID
	Key  keyView
}

// secretView is a new key, shown this once.
type secretView struct {
	Room       ident.RoomID
	Label      string
	Key        string
	StreamName string
	IngestURL  string
	// Keys renew the list behind the dialog.
	Keys roomView
}

func (c *Console) confirmKey(r *http.Request, _ command.Caller) (any, error) {
	id, err := roomID(r)
	if err != nil {
		return nil, err
	}
	wanted, err := keyID(r)
	if err != nil {
		return nil, err
	}
	list, err := c.keys(r, id)
	if err != nil {
		return nil, err
	}
	for _, k := range list {
		if k.ID == wanted && k.Usable() {
			return keyForm{id, k}, nil
		}
	}
	return nil, fault.KeyNotFound.New("room %s has no usable key %s", id, wanted)
}

func keyID(r *http.Request) (ident.KeyID, error) {
	n, err := strconv.ParseInt(r.PathValue("key"), 10, 64)
	if err != nil || n <= 0 {
		return 0, fault.KeyNotFound.New("there is no key %.40q", r.PathValue("key"))
	}
	return ident.KeyID(n), nil
}

func (c *Console) createKey(r *http.Request, caller command.Caller) (outcome, error) {
	id, err := roomID(r)
	if err != nil {
		return outcome{}, err
	}
	made, err := c.Commands.CreateKey(r.Context(), c.meta(r, caller), id, r.PostFormValue("label"))
	if err != nil {
		return outcome{}, err
	}
	return c.reveal(r, id, made)
}

func (c *Console) rotateKey(r *http.Request, caller command.Caller) (outcome, error) {
	id, err := roomID(r)
	if err != nil {
		return outcome{}, err
	}
	old, err := keyID(r)
	if err != nil {
		return outcome{}, err
	}
	overlap, ok := overlaps[r.PostFormValue("overlap")]
	if !ok {
		return outcome{}, fault.InvalidArgument.New("overlap: not one of the choices").With("field", "overlap")
	}
	made, err := c.Commands.RotateKey(r.Context(), c.meta(r, caller), id, old, overlap)
	if err != nil {
		return outcome{}, err
	}
	return c.reveal(r, id, made)
}

// reveal shows the secret, and the list with the new key behind it.
func (c *Console) reveal(r *http.Request, id ident.RoomID, made command.NewKey) (outcome, error) {
	return outcome{template: "secret", body: secretView{
		Room: id, Label: made.Key.Label, Key: made.Shown, IngestURL: c.IngestURL,
		StreamName: id.String() + "?key=" + made.Shown, Keys: c.keysBehind(r, id),
	}}, nil
}

// keysBehind is the list of keys to be renewed behind a dialog. What was done is done: a list that
// cannot be read must not turn it into an error, or hide the only sight of a secret.
func (c *Console) keysBehind(r *http.Request, id ident.RoomID) roomView {
	list, err := c.keys(r, id)
	if err != nil {
		c.Log.Warn("console: keys unreadable after a change", "request_id", requestID(r.Context()), "error", err)
	}
	return roomView{Card: cardView{ID: id}, Signed: true, May: true, Keys: list}
}

func (c *Console) revokeKey(r *http.Request, caller command.Caller) (outcome, error) {
	id, err := roomID(r)
	if err != nil {
		return outcome{}, err
	}
	key, err := keyID(r)
	if err != nil {
		return outcome{}, err
	}
	if _, err := c.Commands.RevokeKey(r.Context(), c.meta(r, caller), id, key); err != nil {
		return outcome{}, err
	}
	return outcome{template: "keys-changed", body: c.keysBehind(r, id), to: returnPath(r)}, nil
}
