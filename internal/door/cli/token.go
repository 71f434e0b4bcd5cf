package cli

import (
	"crypto/ed25519"
	"fmt"
	"io"
	"time"

	"github.com/greenroomlive/greenroom/internal/door/auth"
)

type tokenCmd struct {
	Mint   tokenMint   `cmd:"" help:"Sign a token with the development key of the data folder, or with a fleet's."`
	Keygen tokenKeygen `cmd:"" help:"Make a fleet's signing key, and add its public part to a JWKS."`
}

type tokenMint struct {
	Scope   []string      `required:"" help:"What it allows: anchor:<uid>, moderator, staff, service, ops. Repeat the flag for several."`
	Subject string        `help:"Who holds it, as events will name them; the first scope when absent."`
	TTL     time.Duration `name:"ttl" help:"How long it is valid." default:"24h"`

	Key      string `type:"existingfile" placeholder:"FILE" help:"Signing key that 'greenroom token keygen' has made; the development key of the data folder when absent."`
	Issuer   string `help:"Who signs, as --token-issuer of the fleet wants it." default:"greenroom"`
	Audience string `help:"For whom, as --token-audience of the fleet wants it."`
}

// Run prints the token alone, fit for TOKEN=$(greenroom token mint …).
func (c *tokenMint) Run(g *Globals, out io.Writer) error {
	key, err := c.key(g)
	if err != nil {
		return err
	}
	token, err := auth.Mint(key, auth.Grant{Subject: c.Subject, Scopes: c.Scope, TTL: c.TTL, Issuer: c.Issuer, Audience: c.Audience}, time.Now())
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, token)
	return err
}

func (c *tokenMint) key(g *Globals) (ed25519.PrivateKey, error) {
	if c.Key == "" {
		return auth.DevKey(g.Data)
	}
	return auth.LoadKey(c.Key)
}

type tokenKeygen struct {
	Out  string `type:"path" default:"./signing-key.pem" placeholder:"FILE" help:"Where the private key goes; there must be none yet."`
	Jwks string `name:"jwks" type:"path" default:"./jwks.json" placeholder:"FILE" help:"Where the public keys stand, for all to read; a new key joins those that are there."`
}

// Run prints the key's id, and nothing of the key.
func (c *tokenKeygen) Run(out io.Writer) error {
	kid, err := auth.MakeKey(c.Out, c.Jwks)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s\nprivate key %s, public keys %s\n", kid, c.Out, c.Jwks)
	return err
}
