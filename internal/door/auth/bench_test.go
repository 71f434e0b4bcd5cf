package auth_test

import (
	"crypto/ed25519"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/door/auth"
)

func BenchmarkCaller(b *testing.B) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		b.Fatal(err)
	}
	token, err := auth.Mint(private, auth.Grant{Scopes: []string{"anchor:42"}, TTL: time.Hour}, time.Now())
	if err != nil {
		b.Fatal(err)
	}
	for name, bearer := range map[string]string{"ops": "opaque", "jwt": token} {
		b.Run(name, func(b *testing.B) {
			a := auth.New("opaque", public, nil)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := a.Caller(b.Context(), bearer); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
