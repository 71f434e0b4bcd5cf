package app

import (
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
)

// What `greenroom dev` puts into an empty house, so that a first look finds something.
var (
	exampleOrder = []string{"Games", "Music", "Talk", "Outdoors", "Learning"}
	exampleAreas = map[string][]string{
		"Games":    {"Strategy", "Shooters", "Retro"},
		"Music":    {"Concerts", "Practice"},
		"Talk":     {"Radio", "Podcasts"},
		"Outdoors": {"Cities", "Nature"},
		"Learning": {"Programming", "Languages"},
	}
)

// What may hang in a room from the first day: an object of which nothing is unknown, and no text longer than a line.
var exampleWidgets = map[string]map[string]any{
	"poll": widgetSchema([]any{"question", "options"}, map[string]any{
		"question": line(200),
		"options":  map[string]any{"type": "array", "minItems": 2.0, "maxItems": 10.0, "uniqueItems": true, "items": line(80)},
		"closes":   map[string]any{"type": "string", "format": "date-time"},
	}),
	"countdown": widgetSchema([]any{"title", "at"}, map[string]any{
		"title": line(80),
		"at":    map[string]any{"type": "string", "format": "date-time"},
	}),
	"link": widgetSchema([]any{"title", "url"}, map[string]any{
		"title": line(80),
		// A viewer's browser opens it: no javascript:, and nothing in clear text.
		"url": map[string]any{"type": "string", "format": "uri", "pattern": "^https://", "maxLength": 500.0},
	}),
}

func widgetSchema(required []any, properties map[string]any) map[string]any {
	return map[string]any{"type": "object", "required": required, "properties": properties, "additionalProperties": false}
}

func line(longest float64) map[string]any {
	return map[string]any{"type": "string", "minLength": 1.0, "maxLength": longest}
}

type exampleRoom struct {
	anchor ident.AnchorID
	live   bool
	is     room.Description
}

// The area ids follow from exampleOrder: they are given from 1 in the order of the tree.
var exampleRooms = []exampleRoom{
	{1, true, room.Description{Title: "World final: the last map", Area: 3, Tags: []string{"final", "english"}, Language: "en"}},
	{42, true, room.Description{Title: "深夜のピアノ練習", Area: 7, Tags: []string{"piano"}, Language: "ja"}},
	{42, false, room.Description{Title: "Sunday concert, rehearsal room", Area: 6, Tags: []string{"orchestra"}, Language: "en"}},
	{77, true, room.Description{Title: "Compilers from scratch, part 12", Area: 15, Tags: []string{"go", "compilers"}, Language: "en"}},
	{78, true, room.Description{Title: "凌晨四点的城市", Area: 12, Tags: []string{"walk", "city"}, Language: "zh-Hans"}},
	{79, false, room.Description{Title: "Radio nights", Area: 9, Tags: []string{"talk"}, Language: "de"}},
}
