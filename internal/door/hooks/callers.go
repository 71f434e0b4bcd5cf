package hooks

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/netip"
)

const secretHeader = "X-Greenroom-Hook-Secret"

// callers decides who may send callbacks: whoever shows the secret, and whoever calls from an
// allowed address. A secret that is shown must be right even from there: a wrong one is a
// configuration mistake that should be seen.
type callers struct {
	secret [sha256.Size]byte
	shared bool
	allow  []netip.Prefix
}

func newCallers(secret string, allow []netip.Prefix) callers {
	if secret == "" && len(allow) == 0 {
		allow = Loopback()
	}
	return callers{secret: sha256.Sum256([]byte(secret)), shared: secret != "", allow: allow}
}

// Loopback is the allow-list of a machine that runs its own media server.
func Loopback() []netip.Prefix {
	return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
}

func (c *callers) known(r *http.Request) bool {
	shown := r.Header.Get(secretHeader)
	if shown == "" {
		shown = r.URL.Query().Get("secret")
	}
	if c.shared && shown != "" {
		// Hashed first, so that the comparison tells nothing of the secret's length either.
		sum := sha256.Sum256([]byte(shown))
		return subtle.ConstantTimeCompare(sum[:], c.secret[:]) == 1
	}
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || relayed(r.Header) {
		return false
	}
	for _, p := range c.allow {
		if p.Contains(from.Addr().Unmap()) {
			return true
		}
	}
	return false
}

// relayed reports that the caller speaks for somebody else: a browser, whose page may come from anywhere
// and would otherwise publish and unpublish in the name of the machine it runs on, or a proxy, which
// would lend its address to the whole world. No media server sends any of these.
func relayed(h http.Header) bool {
	for _, sign := range []string{"Origin", "Sec-Fetch-Site", "Forwarded", "X-Forwarded-For", "Via"} {
		if h.Get(sign) != "" {
			return true
		}
	}
	return false
}
