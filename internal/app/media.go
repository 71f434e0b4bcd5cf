package app

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/greenroomlive/greenroom/internal/adapter/mediaserver"
	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/door/hooks"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

// Media are the flags about media servers: who may call back, and whom to poll.
type Media struct {
	HookSecret  string         `help:"Shared secret of the media servers' callbacks. Without it callbacks come from --hook-allow only."`
	HookAllow   []netip.Prefix `placeholder:"NETWORK" help:"Networks whose callbacks need no secret. Default: loopback, unless there is a secret."`
	SRSAPI      string         `name:"srs-api" placeholder:"URL" help:"API of an SRS to poll, and to drop streams at, as in http://127.0.0.1:1985."`
	MediaMTXAPI string         `name:"mediamtx-api" placeholder:"URL" help:"API of a MediaMTX to poll, and to drop streams at, as in http://127.0.0.1:9997."`
	NginxAPI    string         `name:"nginx-rtmp-api" placeholder:"URL" help:"Where an nginx-rtmp opens /stat and /control, as in http://127.0.0.1:8089: a stream whose session ended is dropped at once, not by its next update."`
	IngestURL   string         `default:"rtmp://127.0.0.1:1935/live" help:"Where encoders publish; shown on the room page."`
	HLSURL      string         `name:"hls-url" placeholder:"URL" help:"Where players find <room id>.m3u8; empty: the room page shows no player."`
}

// callbacks is the media servers' door.
func (f Media) callbacks(anchor *command.Anchor, m *metrics, traces tracing, log *slog.Logger) http.Handler {
	return hooks.New(hooks.Config{
		Publishers: anchor, Secret: f.HookSecret, Allow: f.HookAllow, Log: log, Traceparent: traces.traceparent,
		Count: func(server, call, result string) { m.hooks.WithLabelValues(server, call, result).Inc() },
	})
}

// pollers look what the media servers really publish, and drop what may not be.
type pollers []*mediaserver.Poller

// nudge makes them look at once.
func (ps pollers) nudge() {
	for _, p := range ps {
		p.Nudge()
	}
}

// stopped reports whether a session ended whose stream may well go on: somebody ended it, not its loss.
func stopped(events []event.RoomEvent) bool {
	return slices.ContainsFunc(events, func(e event.RoomEvent) bool {
		return e.Type == event.LiveEnded && e.Reason != room.Unpublished.String() && e.Reason != room.LeaseExpired.String()
	})
}

// pollers makes one for each media server whose API is known.
func (f Media) pollers(anchor *command.Anchor, m *metrics, log *slog.Logger) (pollers, error) {
	counters := map[string]*prometheus.CounterVec{mediaserver.CallPoll: m.unclaim, mediaserver.CallDrop: m.drops}
	count := func(server, call, result string) { counters[call].WithLabelValues(server, result).Inc() }
	var all pollers
	add := func(flag string, s mediaserver.Server, err error) error {
		if err != nil {
			return fmt.Errorf("%s: %w", flag, err)
		}
		all = append(all, mediaserver.NewPoller(mediaserver.Config{Server: s, Renewer: anchor, Count: count, Log: log}))
		return nil
	}
	if f.NginxAPI != "" {
		s, err := mediaserver.NewNginxRTMP(f.NginxAPI, nil)
		if err := add("--nginx-rtmp-api", s, err); err != nil {
			return nil, err
		}
	}
	if f.SRSAPI != "" {
		s, err := mediaserver.NewSRS(f.SRSAPI, nil)
		if err := add("--srs-api", s, err); err != nil {
			return nil, err
		}
	}
	if f.MediaMTXAPI != "" {
		s, err := mediaserver.NewMediaMTX(f.MediaMTXAPI, nil)
		if err := add("--mediamtx-api", s, err); err != nil {
			return nil, err
		}
	}
	return all, nil
}
