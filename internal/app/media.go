package app

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"

	"github.com/greenroomlive/greenroom/internal/adapter/mediaserver"
	"github.com/greenroomlive/greenroom/internal/door/hooks"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

// Media are the flags about media servers: who may call back, and whom to poll.
type Media struct {
	HookSecret  string         `help:"Shared secret of the media servers' callbacks. Without it callbacks come from --hook-allow only."`
	HookAllow   []netip.Prefix `placeholder:"NETWORK" help:"Networks whose callbacks need no secret. Default: loopback, unless there is a secret."`
	SRSAPI      string         `name:"srs-api" placeholder:"URL" help:"API of an SRS to poll, as in http://127.0.0.1:1985."`
	MediaMTXAPI string         `name:"mediamtx-api" placeholder:"URL" help:"API of a MediaMTX to poll, as in http://127.0.0.1:9997."`
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

// pollers look what the media servers really publish.
func (f Media) pollers(anchor *command.Anchor, m *metrics, log *slog.Logger) ([]*mediaserver.Poller, error) {
	count := func(server, _, result string) { m.unclaim.WithLabelValues(server, result).Inc() }
	var all []*mediaserver.Poller
	add := func(flag string, s mediaserver.Server, err error) error {
		if err != nil {
			return fmt.Errorf("%s: %w", flag, err)
		}
		all = append(all, mediaserver.NewPoller(mediaserver.Config{Server: s, Renewer: anchor, Count: count, Log: log}))
		return nil
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
