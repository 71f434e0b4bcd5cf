// Package auth tells the doors of the B side who calls: it turns a bearer token into a
// command.Caller.
//
// Two kinds of token are taken. The ops token is one opaque text from the configuration, compared
// in constant time by its hash. A JWT is signed by a key we know, names the issuer, expires, and
// carries its rights in the space-separated claim "scope". Everything else is UNAUTHENTICATED, and
// the answer never says which check failed nor shows any part of the token. A JWT that was found good
// is remembered by its hash until it expires or the keys change, as a signature costs more than most commands.
//
// A development server knows one key, made on its first start (New). A fleet has the keys of whoever issues its
// tokens, from a JWKS that is kept up to date (NewFleet, KeySet); of those logs only KeySet, and never a token. An
// Authenticator is safe for concurrent use.
package auth

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

// Issuer is the only "iss" that is believed, unless a fleet names its own.
const Issuer = "greenroom"

const (
	// leeway is how far two machines' clocks may differ.
	leeway = 5 * time.Second
	// maxToken bounds what is hashed and parsed for a stranger, in bytes.
	maxToken = 4096
)

// Authenticator knows the ops token and the key that JWTs are signed with.
type Authenticator struct {
	opsHash [sha256.Size]byte
	hasOps  bool
	ops     command.Caller // who has the ops token
	key     ed25519.PublicKey
	keys    *KeySet // instead of key, in a fleet
	parser  *jwt.Parser
	clock   func() time.Time
	known   verified
}

// New makes an Authenticator. An empty opsToken or a nil key switches that kind of token off.
// The clock judges expiry; nil is time.Now.
func New(opsToken string, key ed25519.PublicKey, clock func() time.Time) *Authenticator {
	a := newAuthenticator(opsToken, clock, jwt.WithIssuer(Issuer), jwt.WithValidMethods([]string{jwt.SigningMethodEdDSA.Alg()}))
	a.key = key
	return a
}

// Fleet is what the doors of a fleet believe.
type Fleet struct {
	// OpsToken is for operators; empty for none.
	OpsToken string
	// Keys are the issuer's. app runs it.
	Keys *KeySet
	// Issuer is the "iss" of the tokens; empty means Issuer. Audience has to be in their "aud"; empty asks for none.
	Issuer, Audience string
	// Clock judges expiry; nil is time.Now.
	Clock func() time.Time
}

// NewFleet makes an Authenticator that knows the keys of an issuer. Until they are there JWTs are NOT_READY.
func NewFleet(f Fleet) *Authenticator {
	if f.Issuer == "" {
		f.Issuer = Issuer
	}
	methods := []string{jwt.SigningMethodEdDSA.Alg(), jwt.SigningMethodES256.Alg(), jwt.SigningMethodRS256.Alg()}
	options := []jwt.ParserOption{jwt.WithIssuer(f.Issuer), jwt.WithValidMethods(methods)}
	if f.Audience != "" {
		options = append(options, jwt.WithAudience(f.Audience))
	}
	a := newAuthenticator(f.OpsToken, f.Clock, options...)
	a.keys = f.Keys
	return a
}

func newAuthenticator(opsToken string, clock func() time.Time, options ...jwt.ParserOption) *Authenticator {
	if clock == nil {
		clock = time.Now
	}
	options = append(options, jwt.WithExpirationRequired(), jwt.WithLeeway(leeway), jwt.WithTimeFunc(clock))
	return &Authenticator{
		opsHash: sha256.Sum256([]byte(opsToken)), hasOps: opsToken != "", ops: opsCaller(), clock: clock,
		known: verified{byHash: map[[sha256.Size]byte]holder{}}, parser: jwt.NewParser(options...),
	}
}

// Caller says who holds the bearer token. UNAUTHENTICATED for a token that is not ours or has expired.
func (a *Authenticator) Caller(ctx context.Context, bearer string) (command.Caller, error) {
	if bearer == "" || len(bearer) > maxToken {
		return command.Caller{}, refused()
	}
	sum := sha256.Sum256([]byte(bearer))
	if a.isOps(&sum) {
		return a.ops, nil
	}
	var by *keys
	if a.keys != nil {
		if by = a.keys.now.Load(); by == nil {
			return command.Caller{}, fault.NotReady.Wrap(a.keys.Ready(), "tokens cannot be verified yet")
		}
	} else if a.key == nil {
		return command.Caller{}, refused()
	}
	if caller, ok := a.known.find(sum, by, a.clock()); ok {
		return caller, nil
	}
	var c claims
	if _, err := a.parser.ParseWithClaims(bearer, &c, a.verifier(ctx)); err != nil {
		return command.Caller{}, refused()
	}
	caller, err := c.caller()
	if err == nil {
		a.known.keep(sum, holder{caller, c.ExpiresAt.Add(leeway), by}, a.clock())
	}
	return caller, err
}

// Known is Caller for a token that was found good before, or needs no finding: it waits for nothing, and what it does not
// know may still be good.
func (a *Authenticator) Known(bearer []byte) (command.Caller, bool) {
	if len(bearer) == 0 || len(bearer) > maxToken {
		return command.Caller{}, false
	}
	sum := sha256.Sum256(bearer)
	if a.isOps(&sum) {
		return a.ops, true
	}
	var by *keys
	if a.keys != nil {
		by = a.keys.now.Load()
	}
	if by == nil && a.key == nil {
		return command.Caller{}, false
	}
	return a.known.find(sum, by, a.clock())
}

// isOps reports whether it is the ops token's hash. Hashes have one length, so that the time taken does not tell the
// token's.
func (a *Authenticator) isOps(sum *[sha256.Size]byte) bool {
	return a.hasOps && subtle.ConstantTimeCompare(sum[:], a.opsHash[:]) == 1
}

// verifier finds the key of a token.
func (a *Authenticator) verifier(ctx context.Context) jwt.Keyfunc {
	return func(t *jwt.Token) (any, error) {
		if t.Header["crit"] != nil {
			return nil, refused() // it is only good for who understands more than we do (RFC 7515, 4.1.11)
		}
		if a.keys == nil {
			return a.key, nil
		}
		kid, _ := t.Header["kid"].(string)
		key, ok := a.keys.find(ctx, kid, t.Method.Alg())
		if !ok {
			return nil, refused()
		}
		return key, nil
	}
}

// opsCaller is whoever holds the ops token: it may do everything, and owns rooms as anchor 1, so
// that a developer need not name an anchor to create one.
func opsCaller() command.Caller {
	return command.Caller{Subject: "ops", Anchor: 1, Scopes: []command.Scope{
		command.ScopeOps, command.ScopeStaff, command.ScopeService, command.ScopeModerator, command.ScopeAnchor,
	}}
}

func refused() error {
	return fault.Unauthenticated.New("the bearer token is missing, expired or not one of ours")
}

// claims are those of a JWT that we read.
type claims struct {
	jwt.RegisteredClaims

	Scope string `json:"scope"`
}

// caller reads the scopes. Unknown ones are passed over: a newer issuer may know more than we do.
func (c *claims) caller() (command.Caller, error) {
	out := command.Caller{Subject: c.Subject}
	for scope := range strings.FieldsSeq(c.Scope) {
		s, anchor, known := parseScope(scope)
		if !known {
			continue
		}
		if anchor != 0 {
			if out.Anchor != 0 && out.Anchor != anchor {
				return command.Caller{}, refused() // nobody is two anchors
			}
			out.Anchor = anchor
		}
		if out.Subject == "" {
			out.Subject = scope
		}
		out.Scopes = append(out.Scopes, s)
	}
	if len(out.Scopes) == 0 {
		return command.Caller{}, refused()
	}
	return out, nil
}

// parseScope reads one scope of the closed set; the anchor's uid is that of anchor:<uid>.
func parseScope(text string) (command.Scope, ident.AnchorID, bool) {
	if uid, ok := strings.CutPrefix(text, string(command.ScopeAnchor)+":"); ok {
		n, err := strconv.ParseInt(uid, 10, 64)
		return command.ScopeAnchor, ident.AnchorID(n), err == nil && n > 0
	}
	switch s := command.Scope(text); s {
	case command.ScopeModerator, command.ScopeStaff, command.ScopeService, command.ScopeOps:
		return s, 0, true
	}
	return "", 0, false
}

// Address is the client's address, without its port, for the audit log.
func Address(r *http.Request) string {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return from.Addr().Unmap().String()
}

// Bearer takes the token out of the Authorization header; empty when there is none or more than one.
func Bearer(h http.Header) string {
	all := h.Values("Authorization")
	if len(all) != 1 {
		return ""
	}
	scheme, token, _ := strings.Cut(all[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}
