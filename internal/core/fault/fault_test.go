package fault_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/greenroomlive/greenroom/internal/core/fault"
)

func TestFaultIsFoundThroughWraps(t *testing.T) {
	err := fmt.Errorf("outer: %w", fault.RoomNotFound.Wrap(io.EOF, "there is no room %d", 7))
	if !errors.Is(err, fault.RoomNotFound) || errors.Is(err, fault.KeyNotFound) || !errors.Is(err, io.EOF) {
		t.Errorf("%v is not found by its code or its cause", err)
	}
	if f := fault.Of(err); f.Code != fault.RoomNotFound || f.Message != "there is no room 7" {
		t.Errorf("found %+v", f)
	}
}

func TestUntypedErrorsStayInside(t *testing.T) {
	f := fault.Of(errors.New("the password is hunter2"))
	if f.Code != fault.Internal || f.Message == "the password is hunter2" || f.Unwrap() == nil {
		t.Errorf("an error without a fault became %+v", f)
	}
	if fault.Of(nil) != nil {
		t.Error("no error became a fault")
	}
}

func TestDetailsAreCopied(t *testing.T) {
	base := fault.InvalidArgument.New("bad").With("field", "title")
	other := base.With("field", "tags").With("more", "x")
	if base.Details["field"] != "title" || len(base.Details) != 1 || other.Details["field"] != "tags" {
		t.Errorf("%v and %v share their details", base.Details, other.Details)
	}
}

// TestRegistry: codes are unique, and each way out agrees with itself.
func TestRegistry(t *testing.T) {
	seen := map[string]bool{}
	last := 0
	for _, c := range fault.Registry() {
		if seen[c.Name] || c.Meaning == "" || c.HTTP < 400 || c.HTTP > 599 || c.GRPC < 1 || c.GRPC > 16 {
			t.Errorf("%+v", c)
		}
		seen[c.Name] = true
		if c.HTTP < last {
			t.Errorf("%s is out of order", c.Name)
		}
		last = c.HTTP
		// What a client library retries by its status alone must be worth it, and the reverse.
		if unavailable := c.HTTP == 503 || c.HTTP == 429; unavailable && !c.Retryable {
			t.Errorf("%s says come back, and that it is no use", c.Name)
		}
	}
}
