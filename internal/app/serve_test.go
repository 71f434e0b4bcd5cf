package app

import (
	"strings"
	"testing"
)

// What a role lacks is said before anything is opened, by the name of its flag.
func TestServeSaysWhatIsMissing(t *testing.T) {
	whole := func() *Serve {
		return &Serve{
			Role: []string{"xanchor", "xroom", "watch"}, Zone: "a", Home: "a", RoomB: "b", RoomC: "c", NATS: []string{"nats://127.0.0.1:1"},
			Source: []string{"127.0.0.1:1"}, InternalSecret: "s", Internal: []string{"a=127.0.0.1:1"},
		}
	}
	for says, change := range map[string]func(*Serve){
		"":                                      func(*Serve) {},
		`no role "xrom"`:                        func(s *Serve) { s.Role = append(s.Role, "xrom") },
		"rooms are extended in the home zone":   func(s *Serve) { s.Home, s.Role = "elsewhere", []string{"xroom-extend"} },
		"rooms are controlled in the home zone": func(s *Serve) { s.Home, s.Role = "elsewhere", []string{"xroom-management"} },
		"xanchor: it needs --room-b":            func(s *Serve) { s.RoomB, s.Role = "", []string{"xanchor"} },
		"needs --room-c":                        func(s *Serve) { s.RoomC = "" },
		"needs --nats":                          func(s *Serve) { s.NATS = nil },
		"needs --source":                        func(s *Serve) { s.Source = nil },
		"needs --internal-secret":               func(s *Serve) { s.InternalSecret = "" },
		"needs --home-command":                  func(s *Serve) { s.Zone = "b" },
		"needs --internal-advertise":            func(s *Serve) { s.InternalAddr = "[::]:8081" },
		"a process of its own":                  func(s *Serve) { s.Zone, s.HomeCommand = "b", []string{"127.0.0.1:1"} },
		"zone=host:port":                        func(s *Serve) { s.Internal = []string{"127.0.0.1:1"} },
		"missing port":                          func(s *Serve) { s.Internal = []string{"a=127.0.0.1"} },
		"--home-command":                        func(s *Serve) { s.Zone, s.HomeCommand, s.Role = "b", []string{"home"}, s.Role[:2] },
	} {
		s := whole()
		change(s)
		err := s.Validate()
		if (err == nil) != (says == "") || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want %q", err, says)
		}
	}
}
