package cli

import (
	"fmt"
	"io"
	"time"

	"github.com/greenroomlive/greenroom/internal/door/auth"
)

type tokenCmd struct {
	Mint tokenMint `cmd:"" help:"Sign a token with the development key of the data folder."`
}

type tokenMint struct {
	Scope   []string      `required:"" help:"What it allows: anchor:<uid>, moderator, staff, service, ops. Repeat the flag for several."`
	Subject string        `help:"Who holds it, as events will name them; the first scope when absent."`
	TTL     time.Duration `name:"ttl" help:"How long it is valid." default:"24h"`
}

// Run prints the token alone, fit for TOKEN=$(greenroom token mint …).
func (c *tokenMint) Run(g *Globals, out io.Writer) error {
	key, err := auth.DevKey(g.Data)
	if err != nil {
		return err
	}
	token, err := auth.Mint(key, auth.Grant{Subject: c.Subject, Scopes: c.Scope, TTL: c.TTL}, time.Now())
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, token)
	return err
}
