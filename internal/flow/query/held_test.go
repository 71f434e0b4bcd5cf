package query_test

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestARoomThatIsParkedIsAsOldAsItsLastProofBeforeThat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse()
		h.commit(card(1, 1))
		e, err := h.Get(t.Context(), 1, 0)
		if err != nil {
			t.Fatal(err)
		}
		parked := time.Now()
		time.Sleep(time.Minute)
		h.proof.set(true, time.Now())
		if age := h.Age(e); age != 0 {
			t.Errorf("a room that flows is %s old", age)
		}
		h.proof.heldSince = parked
		if age := h.Age(e); age != time.Minute {
			t.Errorf("a room that was parked a minute ago is %s old", age)
		}
	})
}
