package forward

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/greenroomlive/greenroom/internal/core/fault"
)

// secretHeader carries the fleet's secret from a forwarder to the home door, beside X-Forwarded-For.
const secretHeader = "X-Greenroom-Forwarder"

const forwardedFor = "X-Forwarded-For"

// speakFor says in whose name a request is sent on. What the client itself has put into the secret's place is
// overwritten.
func speakFor(h http.Header, secret, client string) {
	h.Set(secretHeader, secret)
	address, _, err := net.SplitHostPort(client)
	if err != nil {
		address = "unknown"
	}
	h[forwardedFor] = append(slices.Clip(h[forwardedFor]), address) // clipped: it is the client's request's own
}

// Trusted stands before the home zone's command door and believes what the fleet's forwarders say of their clients:
// behind it such a request has the client's address, as if it had come without a forwarder, so that allow-lists of
// networks mean the same in all zones.
//
// Two things are not believed. A secret that is wrong is refused with PERMISSION_DENIED: without that, a forwarder with
// the secret of another fleet would lend its own address, perhaps one on the allow-list, to the whole world. And a
// client on the forwarder's own machine stays somebody who was forwarded: loopback there is not loopback here.
// Requests without the header pass as they are. An empty secret trusts nobody.
func Trusted(secret string, next http.Handler) http.Handler {
	want := sha256.Sum256([]byte(secret))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		shown := r.Header.Values(secretHeader)
		if len(shown) == 0 {
			next.ServeHTTP(w, r)
			return
		}
		// Hashed first, so that the comparison does not tell the secret's length.
		sum := sha256.Sum256([]byte(shown[0]))
		if secret == "" || len(shown) > 1 || subtle.ConstantTimeCompare(sum[:], want[:]) != 1 {
			writeFault(w, r, fault.PermissionDenied.New("this forwarder is not of our fleet"))
			return
		}
		r.Header.Del(secretHeader)
		if from, rest, ok := lastForwarded(r.Header); ok {
			r.RemoteAddr = netip.AddrPortFrom(from, 0).String()
			if r.Header.Del(forwardedFor); rest != "" {
				r.Header.Set(forwardedFor, rest)
			}
		}
		next.ServeHTTP(w, r)
	})
}

// lastForwarded is the address that the forwarder itself has seen, and what stood before it. False when that is no
// address of the world outside its machine.
func lastForwarded(h http.Header) (from netip.Addr, rest string, ok bool) {
	all := strings.Join(h.Values(forwardedFor), ", ")
	cut := strings.LastIndexByte(all, ',')
	from, err := netip.ParseAddr(strings.TrimSpace(all[cut+1:]))
	from = from.Unmap()
	return from, all[:max(cut, 0)], err == nil && !from.IsLoopback() && !from.IsUnspecified() && !from.IsLinkLocalUnicast()
}
