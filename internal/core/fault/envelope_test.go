package fault_test

import (
	"errors"
	"testing"

	"github.com/greenroomlive/greenroom/internal/core/fault"
)

func TestEnvelopeShowsEverythingButTheCause(t *testing.T) {
	f := fault.Internal.Wrap(errors.New("disk at /secret"), "broken \xff <b>").With("field", "title")
	want := `{"error":{"code":"INTERNAL","message":"broken ` + `\ufffd` + ` \u003cb\u003e","details":{"field":"title"},"request_id":"r1"}}` + "\n"
	if got := string(f.Envelope("r1")); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	want = `{"error":{"code":"NOT_FOUND","message":"no","details":{},"request_id":""}}` + "\n"
	if got := string(fault.NotFound.New("no").Envelope("")); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
