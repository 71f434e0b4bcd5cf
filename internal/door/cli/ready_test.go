package cli

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestReady(t *testing.T) {
	h := open(t)
	well := true
	process := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/readyz" || !well {
			http.Error(w, "the views are being filled", http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(process.Close)
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	h.ok(`^ready\n$`, "ready", process.URL)
	well = false
	if _, errs, status := h.run("ready", process.URL+"/"); status != statusFault || !strings.Contains(errs, "the views are being filled") {
		t.Errorf("status %d, %s", status, errs)
	}
	process.Close()
	if _, _, status := h.run("ready", process.URL); status != statusFault {
		t.Errorf("status %d of a process that is not there", status)
	}
}
