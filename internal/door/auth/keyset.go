package auth

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
)

const (
	// refreshEvery is how long a key that the issuer has withdrawn is believed, at most.
	refreshEvery = 5 * time.Minute
	// leastBetween bounds the questions that strangers can provoke by naming keys nobody knows.
	leastBetween = 10 * time.Second
	// firstRetry and lastRetry are the waits after a failure, doubled between.
	firstRetry = time.Second
	lastRetry  = 30 * time.Second
	// fetchTime bounds one question, awaitKey the wait of a caller whose key is being asked for.
	fetchTime = 5 * time.Second
	awaitKey  = 2 * time.Second

	maxKeySet = 1 << 20 // bytes
	maxKeys   = 100
	minRSA    = 2048 // bits
)

// KeySet is the public keys of whoever issues tokens, as a JWKS (RFC 7517) tells them: RSA of 2,048 bits and more for
// RS256, P-256 for ES256, Ed25519 for EdDSA. A key is good for its one algorithm; keys of other kinds, for other uses,
// or without a name are passed over, and private ones too.
//
// Run keeps it up to date: it asks every few minutes, and at once when a token names a key that is not there, but not
// more often than once in ten seconds, whoever sends such tokens. While the issuer cannot be asked, or tells nonsense,
// the keys of before are good. Before the first answer the set is not Ready. Safe for concurrent use.
type KeySet struct {
	source string
	client *http.Client
	log    *slog.Logger // has the source, without a password in it

	now    atomic.Pointer[keys]
	wanted chan struct{}

	mu     sync.Mutex
	asked  time.Time     // when a token last made us ask
	answer chan struct{} // closed when the question that is under way has ended; nil for none
}

// keys is one answer of the issuer. Never changed.
type keys struct {
	text []byte
	by   map[keyName]crypto.PublicKey
}

type keyName struct{ kid, alg string }

// NewKeySet makes a set of what source tells: an http or https URL, or the path of a file. Nothing is read yet. A
// redirect is not followed: where keys come from is not for others to say. A nil client is a plain one.
func NewKeySet(source string, client *http.Client, log *slog.Logger) (*KeySet, error) {
	if source == "" {
		return nil, errors.New("auth: no source of keys")
	}
	if client == nil {
		client = &http.Client{}
	}
	own := *client
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	shown := source
	if u, err := url.Parse(source); err == nil && u.User != nil {
		shown = u.Redacted()
	}
	return &KeySet{source: source, client: &own, log: log.With("source", shown), wanted: make(chan struct{}, 1)}, nil
}

// Ready says why no token can be verified yet; nil once there are keys.
func (k *KeySet) Ready() error {
	if k.now.Load() == nil {
		return errors.New("the keys of the token issuer are not there yet")
	}
	return nil
}

// Run asks for the keys until ctx ends. It always returns nil: an issuer that is away is no reason to stop.
func (k *KeySet) Run(ctx context.Context) error {
	for failures := 0; ; failures++ {
		wait := refreshEvery
		if err := k.load(ctx); err == nil {
			failures = -1
		} else if ctx.Err() == nil {
			k.log.Warn("auth: keys of the token issuer not refreshed", "have", k.Ready() == nil, "error", err)
			wait = min(firstRetry<<min(failures, 10), lastRetry)
		}
		k.ended()
		again := time.NewTimer(wait/2 + rand.N(wait/2)) // a fleet does not ask in step
		select {
		case <-ctx.Done():
			again.Stop()
			return nil
		case <-k.wanted:
			again.Stop()
		case <-again.C:
		}
	}
}

// find is the key that a token names. A name that is not known makes Run ask, if that is not too often, and waits for
// the answer.
func (k *KeySet) find(ctx context.Context, kid, alg string) (crypto.PublicKey, bool) {
	name := keyName{kid, alg}
	if key, ok := k.known(name); ok {
		return key, true
	}
	answered := k.want()
	if answered == nil {
		return nil, false
	}
	patience := time.NewTimer(awaitKey)
	defer patience.Stop()
	select {
	case <-answered:
	case <-patience.C:
	case <-ctx.Done():
	}
	return k.known(name)
}

func (k *KeySet) known(name keyName) (crypto.PublicKey, bool) {
	set := k.now.Load()
	if set == nil {
		return nil, false
	}
	key, ok := set.by[name]
	return key, ok
}

// want makes Run ask and says when it has; nil when it asked a moment ago.
func (k *KeySet) want() <-chan struct{} {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.answer != nil {
		return k.answer
	}
	now := time.Now()
	if now.Sub(k.asked) < leastBetween {
		return nil
	}
	k.asked, k.answer = now, make(chan struct{})
	k.wanted <- struct{}{} // has room: the last one was taken before its answer ended
	return k.answer
}

// ended lets go on who has waited. A question that was put while Run was asking anyway is asked again.
func (k *KeySet) ended() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.answer != nil && len(k.wanted) == 0 {
		close(k.answer)
		k.answer = nil
	}
}

// load asks once and takes over what it hears.
func (k *KeySet) load(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	text, err := k.read(ctx)
	if err != nil {
		return err
	}
	if old := k.now.Load(); old != nil && bytes.Equal(old.text, text) {
		return nil
	}
	set, err := parseKeys(text)
	if err != nil {
		return err
	}
	k.now.Store(set)
	k.log.Info("auth: keys of the token issuer", "keys", len(set.by))
	return nil
}

func (k *KeySet) read(ctx context.Context) ([]byte, error) {
	from, err := k.open(ctx)
	if err != nil {
		return nil, err
	}
	defer from.Close()
	text, err := io.ReadAll(io.LimitReader(from, maxKeySet+1))
	if err == nil && len(text) > maxKeySet {
		err = fmt.Errorf("more than %d bytes", maxKeySet)
	}
	return text, err
}

func (k *KeySet) open(ctx context.Context) (io.ReadCloser, error) {
	if u, err := url.Parse(k.source); err != nil || u.Scheme != "http" && u.Scheme != "https" {
		return os.Open(k.source)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, k.source, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json")
	resp, err := k.client.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		_ = resp.Body.Close()
		return nil, fmt.Errorf("HTTP status %d", resp.StatusCode)
	}
	return resp.Body, nil
}

// parseKeys reads a JWKS. A set without any key that is of use is an error: better the keys of before.
func parseKeys(text []byte) (*keys, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, fmt.Errorf("not a JWKS: %w", err)
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("a JWKS of %d keys, at most %d", len(set.Keys), maxKeys)
	}
	out := &keys{text: text, by: map[keyName]crypto.PublicKey{}}
	for _, raw := range set.Keys {
		var key jose.JSONWebKey
		if key.UnmarshalJSON(raw) != nil { // of a kind we do not know
			continue
		}
		alg := algorithm(key.Key)
		if alg == "" || key.KeyID == "" || key.Algorithm != "" && key.Algorithm != alg || key.Use != "" && key.Use != "sig" {
			continue
		}
		out.by[keyName{key.KeyID, alg}] = key.Key
	}
	if len(out.by) == 0 {
		return nil, fmt.Errorf("a JWKS of %d keys, none of use", len(set.Keys))
	}
	return out, nil
}

// algorithm is the one that a key is good for; empty for none. That a token names its algorithm decides nothing: a
// key never verifies what another algorithm has signed.
func algorithm(key any) string {
	switch key := key.(type) {
	case ed25519.PublicKey:
		return jwt.SigningMethodEdDSA.Alg()
	case *ecdsa.PublicKey:
		if key.Curve == elliptic.P256() {
			return jwt.SigningMethodES256.Alg()
		}
	case *rsa.PublicKey:
		if key.N.BitLen() >= minRSA {
			return jwt.SigningMethodRS256.Alg()
		}
	}
	return ""
}
