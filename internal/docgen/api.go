package main

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/reflect/protoreflect"

	contracts "github.com/greenroomlive/greenroom/api"
	anchorv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/anchor/v1"
	extendv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/extend/v1"
	managementv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/management/v1"
	opsv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/ops/v1"
	roomv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/room/v1"
	schedulev1 "github.com/greenroomlive/greenroom/api/gen/greenroom/schedule/v1"
)

// openAPI is as much of the document as the page tells.
type openAPI struct {
	Paths map[string]map[string]operation `yaml:"paths"`
}

type operation struct {
	ID          string      `yaml:"operationId"`
	Description string      `yaml:"description"`
	Parameters  []parameter `yaml:"parameters"`
	Body        struct {
		Content map[string]struct {
			Schema struct {
				Ref string `yaml:"$ref"`
			} `yaml:"schema"`
		} `yaml:"content"`
	} `yaml:"requestBody"`
}

type parameter struct {
	Name        string `yaml:"name"`
	In          string `yaml:"in"`
	Description string `yaml:"description"`
}

// reads are the viewers' paths: internal/door/queryapi serves them by hand, for speed, so that no document
// can be made of them. The package's test holds them against its router.
var reads = [][]string{
	{"GET", "/v1/rooms/{id}?fields=", "One room card. `fields=title,live.status` shows only these; the lists of cards below take it too."},
	{"GET", "/v1/rooms?ids=1,2,3&fields=", "Up to 1,000 cards, in the order asked for, and the ids that are missing."},
	{"GET", "/v1/anchors/{uid}/rooms", "The rooms of an anchor."},
	{"GET", "/v1/live?area=&tag=&language=&sort=online|started&page_size=&page_token=", "Rooms on air; a page token pins a snapshot."},
	{"GET", "/v1/live:ids", "The ids of all rooms on air, streamed."},
	{"GET", "/v1/soon?page_size=&page_token=", "Planned broadcasts of which viewers were reminded and that have not begun, the next one first."},
	{"GET", "/v1/search?q=&live=&area=&language=&page_size=&page_token=", "Rooms by words, prefixes, #tags and @anchors, those on air first."},
	{"GET", "/v1/feed?after=&rooms=&types=&heartbeat=", "Events from a cursor on, as SSE or NDJSON by the Accept header."},
	{"GET", "/v1/rooms/{id}/audience?session_id=&from=&to=&page_size=&page_token=", "Who watches now, and the history per minute."},
	{"POST", "/v1/rooms/{id}/heartbeat", "A viewer watches; said every 15 to 30 s, to any node."},
	{"POST", "/v1/rooms/{id}/like", "A viewer likes it, up to 100 times at once."},
	{"POST", "/v1/rooms/{id}:checkSpeak", "May this user speak, and say this? For chat systems, with a token of the scope service, staff or ops."},
	{"POST", "/v1/rooms/{id}:batchCheckSpeak", "The same for up to 1,000 users."},
	{"GET", "/v1/rooms/{id}/events?after=&types=&heartbeat=", "The feed of one room."},
	{"GET", "/v1/areas", "The tree of areas."},
	{"GET", "/healthz", "The process lives."},
	{"GET", "/readyz", "The process is ready for traffic."},
}

func api(p *page) error {
	p.title("API", "The protos under [api/greenroom](../../api/greenroom) are the contract and read as prose; this is their index. "+
		"The B side serves its OpenAPI document at `/openapi.yaml`, and gRPC reflection.")
	p.section("Viewers' side, HTTP")
	var rows [][]string
	for _, r := range reads {
		rows = append(rows, []string{code(r[0] + " " + r[1]), r[2]})
	}
	p.table([]string{"Call", "Answer"}, rows)
	p.section("Broadcasters' side, REST")
	rows, err := commands()
	if err != nil {
		return err
	}
	p.table([]string{"Call", "RPC", "Query", "Body", "Notes"}, rows)
	p.section("gRPC and Connect")
	rows = nil
	for _, f := range []protoreflect.FileDescriptor{
		anchorv1.File_greenroom_anchor_v1_anchor_proto, managementv1.File_greenroom_management_v1_management_proto, managementv1.File_greenroom_management_v1_people_proto, managementv1.File_greenroom_management_v1_rules_proto, extendv1.File_greenroom_extend_v1_extend_proto, schedulev1.File_greenroom_schedule_v1_schedule_proto, opsv1.File_greenroom_ops_v1_ops_proto, roomv1.File_greenroom_room_v1_room_proto,
	} {
		rows = append(rows, services(f)...)
	}
	p.table([]string{"Service", "RPC", "Request", "Response"}, rows)
	return nil
}

// commands are the operations of the OpenAPI document, by path and method.
func commands() ([][]string, error) {
	var doc openAPI
	if err := yaml.Unmarshal(contracts.OpenAPI, &doc); err != nil {
		return nil, fmt.Errorf("openapi.yaml: %w", err)
	}
	var rows [][]string
	for path, methods := range doc.Paths {
		for method, op := range methods {
			var query []string
			for _, q := range op.Parameters {
				if q.In == "query" {
					query = append(query, code(q.Name))
				}
			}
			body := op.Body.Content["application/json"].Schema.Ref
			rows = append(rows, []string{
				code(strings.ToUpper(method) + " " + path), code(strings.ReplaceAll(op.ID, "_", ".")), strings.Join(query, ", "),
				code(body[strings.LastIndexByte(body, '/')+1:]), op.Description,
			})
		}
	}
	byPath := func(row []string) (path, method string) {
		method, path, _ = strings.Cut(strings.Trim(row[0], "`"), " ")
		return path, method
	}
	slices.SortFunc(rows, func(a, b []string) int {
		pathA, methodA := byPath(a)
		pathB, methodB := byPath(b)
		return strings.Compare(pathA+" "+methodA, pathB+" "+methodB)
	})
	return rows, nil
}

func services(f protoreflect.FileDescriptor) [][]string {
	var rows [][]string
	for i := range f.Services().Len() {
		s := f.Services().Get(i)
		for j := range s.Methods().Len() {
			m := s.Methods().Get(j)
			answer := code(string(m.Output().Name()))
			if m.IsStreamingServer() {
				answer = "stream of " + answer
			}
			rows = append(rows, []string{code(string(s.FullName())), code(string(m.Name())), code(string(m.Input().Name())), answer})
		}
	}
	return rows
}
