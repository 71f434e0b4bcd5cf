package bench

import (
	"testing"
)

// What the start promises is measured by hand at a million rooms; here it must work.
func TestStart(t *testing.T) {
	for name, filled := range map[string]bool{"on a room_c that is there": false, "on an empty room_c": true} {
		t.Run(name, func(t *testing.T) {
			const rooms = 3000
			r, err := Start(t.Context(), t.TempDir(), rooms, filled)
			if err != nil {
				t.Fatal(err)
			}
			want := rooms
			if !filled {
				want += startBehind
			}
			if r.Resident != want || r.OwnPerRoom < 500 || r.HeapPerRoom < r.OwnPerRoom {
				t.Errorf("%+v, want %d resident", r, want)
			}
			t.Log(r)
		})
	}
}
