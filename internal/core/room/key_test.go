package room_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
)

func newKey(t *testing.T, id ident.KeyID) (room.Key, string) {
	t.Helper()
	k, shown, err := room.NewKey(start, id, 42, "studio", [room.SecretBytes]byte{1, 2, 3})
	if err != nil {
		t.Fatal(err)
	}
	return k, shown
}

func TestAKeyOpensOnlyWhileItIsUsable(t *testing.T) {
	const hour = time.Hour
	cases := []struct {
		name  string
		given func(*room.Key) error
		at    time.Duration
		opens bool
	}{
		{"fresh", func(*room.Key) error { return nil }, 0, true},
		{"a year later", func(*room.Key) error { return nil }, 8766 * hour, true},
		{"revoked", func(k *room.Key) error { k.Revoke(start.Add(hour)); return nil }, hour, false},
		{"in the overlap of a rotation", func(k *room.Key) error { return k.Retire(start, hour) }, hour - 1, true},
		{"after the overlap", func(k *room.Key) error { return k.Retire(start, hour) }, hour, false},
		{"a second rotation does not lengthen the first", func(k *room.Key) error {
			return errors.Join(k.Retire(start, hour), k.Retire(start.Add(hour/2), hour))
		}, hour, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			k, shown := newKey(t, 7)
			if err := c.given(&k); err != nil {
				t.Fatal(err)
			}
			if got := k.Opens(shown, start.Add(c.at)); got != c.opens {
				t.Fatalf("opens: %v, want %v", got, c.opens)
			}
		})
	}
}

func TestAnotherSecretDoesNotOpen(t *testing.T) {
	k, shown := newKey(t, 7)
	for _, wrong := range []string{"", shown[:len(shown)-1], shown + "a", strings.ToUpper(shown), shown[:len(shown)-1] + "2"} {
		if k.Opens(wrong, start) {
			t.Fatalf("%q opens", wrong)
		}
	}
	if strings.Contains(string(k.Hash[:]), shown) {
		t.Fatal("the key holds its secret")
	}
}

func TestAShownKeyNamesItsID(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := ident.KeyID(rapid.Int64Min(1).Draw(t, "id"))
		secret := [room.SecretBytes]byte(rapid.SliceOfN(rapid.Byte(), room.SecretBytes, room.SecretBytes).Draw(t, "secret"))
		k, shown, err := room.NewKey(start, id, 42, "", secret)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := room.ParseKeyID(shown); !ok || got != id || !k.Opens(shown, start) {
			t.Fatalf("%q names key %d (%v), want %d", shown, got, ok, id)
		}
		if strings.ContainsAny(shown, "?&=+/%# ") {
			t.Fatalf("%q needs escaping in an address", shown)
		}
	})
	for _, s := range []string{"", "gr_", "gr_7", "gr__x", "gr_-7_x", "gr_0_x", "7_x", "gr_zzzzzzzzzzzzzzzz_x", "42"} {
		if id, ok := room.ParseKeyID(s); ok {
			t.Fatalf("%q names key %d", s, id)
		}
	}
}

func TestAKeyThatIsGoneCannotBeRotated(t *testing.T) {
	k, _ := newKey(t, 7)
	k.Revoke(start)
	k.Revoke(start.Add(time.Hour))
	if !k.RevokedAt.Equal(start) {
		t.Fatalf("revoking twice moved the time to %v", k.RevokedAt)
	}
	if err := k.Retire(start.Add(time.Second), time.Hour); !errors.Is(err, fault.KeyNotFound) {
		t.Fatalf("rotated a revoked key: %v", err)
	}
}

func TestUsableKeysAreBounded(t *testing.T) {
	var keys []room.Key
	for i := range room.MaxKeys {
		k, _ := newKey(t, ident.KeyID(i+1))
		keys = append(keys, k)
	}
	if err := room.AdmitKey(start, keys); !errors.Is(err, fault.KeyLimit) {
		t.Fatalf("one key too many: %v", err)
	}
	keys[3].Revoke(start)
	if err := room.AdmitKey(start, keys); err != nil {
		t.Fatalf("a revoked key still counts: %v", err)
	}
}

func TestALabelIsChecked(t *testing.T) {
	for _, label := range []string{strings.Repeat("x", 65), "a\nb", "\xff"} {
		if _, _, err := room.NewKey(start, 1, 42, label, [room.SecretBytes]byte{}); !errors.Is(err, fault.InvalidArgument) {
			t.Fatalf("label %q: %v", label, err)
		}
	}
}
