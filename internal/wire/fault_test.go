package wire_test

import (
	"errors"
	"io"
	"testing"

	faultv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/fault/v1"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/wire"
)

func TestAFaultSurvivesTheWire(t *testing.T) {
	for _, c := range fault.Registry() {
		f := c.Wrap(errors.New("inside"), "message").With("field", "title")
		m := wire.Fault(f, "r1")
		back := wire.GoFault(m, io.EOF)
		if back.Code != c || back.Message != "message" || back.Details["field"] != "title" || !errors.Is(back, io.EOF) || m.GetRequestId() != "r1" {
			t.Errorf("%s became %+v", c.Name, back)
		}
	}
}

// A process of a newer build knows more codes.
func TestAnUnknownCodeSaysWhetherARetryHelps(t *testing.T) {
	for retryable, want := range map[bool]*fault.Code{true: fault.Unreachable, false: fault.Internal} {
		if f := wire.GoFault(&faultv1.Fault{Code: "OF_THE_FUTURE", Retryable: retryable}, nil); f.Code != want {
			t.Errorf("retryable %t became %s", retryable, f.Code.Name)
		}
	}
}
