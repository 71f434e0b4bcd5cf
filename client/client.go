// Package greenroom is the Go client of Greenroom.
//
// A Client writes through the B side (Connect, protobuf) and reads through the C side (HTTP, JSON). Commands
// are durable when they return, and carry an Idempotency-Key that is kept over retries, so that a command
// whose answer was lost happens once. Reads are as fresh as the C side is: pass the version that a
// command returned with [MinVersion] to see your own write.
//
// Faults come back as [*Error] with a code of Greenroom's registry. Those that pass by themselves
// (overload, restarts, a lost connection) are retried with backoff and jitter for as long as the context
// allows, up to [Attempts]; conflicts are not, because only the caller knows what to do about them.
//
// With [Zones] a client knows several nodes, in several zones, and goes from one that fails or is slow to the next.
// A page token of Live is good at the node that gave it, and the client remembers which that was.
//
// A Client is safe for concurrent use and needs no closing. Goroutines that it starts end with the call, or
// within a second of it.
package greenroom

import (
	"net/http"
	"strings"
	"time"

	anchorv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/anchor/v1"
	"github.com/greenroomlive/greenroom/api/gen/greenroom/anchor/v1/anchorv1connect"
	"github.com/greenroomlive/greenroom/api/gen/greenroom/extend/v1/extendv1connect"
	"github.com/greenroomlive/greenroom/api/gen/greenroom/management/v1/managementv1connect"
	opsv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/ops/v1"
	"github.com/greenroomlive/greenroom/api/gen/greenroom/ops/v1/opsv1connect"
	roomv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/room/v1"
	"github.com/greenroomlive/greenroom/api/gen/greenroom/schedule/v1/schedulev1connect"
)

// Room and the other nouns of the protos, under short names. The protos are their documentation.
type (
	Room      = roomv1.Room
	RoomEvent = roomv1.RoomEvent
	Area      = roomv1.Area

	RoomResponse = anchorv1.RoomResponse
	NewRoom      = anchorv1.CreateRoomRequest
	RoomPatch    = anchorv1.RoomPatch
	Key          = anchorv1.Key
	NewKey       = anchorv1.CreateKeyResponse
	Session      = anchorv1.Session

	Parked          = opsv1.Parked
	Trace           = opsv1.TraceRoomResponse
	RebuildProgress = opsv1.RebuildProgress
	HotRooms        = opsv1.ListHotResponse
	ViewerZone      = opsv1.ViewerZone
)

// The default addresses of `greenroom dev`.
const (
	DefaultCommandURL = "http://127.0.0.1:8080"
	DefaultQueryURL   = "http://127.0.0.1:8000"
)

const (
	// attemptTime bounds one question to the only node there is: twice what the server allows itself.
	attemptTime = 10 * time.Second
	// maxAnswer bounds what is read of an answer: 1,000 rooms with every field full.
	maxAnswer = 16 << 20
)

// Client speaks to one Greenroom.
type Client struct {
	commandURL, queryURL string
	zones                []Zone
	token                string
	http                 *http.Client
	attempts             int
	backoff, backoffMax  time.Duration

	query, command *pool
	cards, lists   pace // of reads of one room, and of many
	spare          budget
	memory         *memory // nil unless the client is Monotonic

	anchor     anchorv1connect.AnchorServiceClient
	management managementv1connect.ManagementServiceClient
	audit      managementv1connect.AuditServiceClient
	people     managementv1connect.PeopleServiceClient
	rules      managementv1connect.RulesServiceClient
	extend     extendv1connect.ExtendServiceClient
	schedule   schedulev1connect.ScheduleServiceClient
	ops        opsv1connect.OpsServiceClient
}

// Option configures a Client.
type Option func(*Client)

// CommandURL is the B side's address; DefaultCommandURL otherwise.
func CommandURL(url string) Option {
	return func(c *Client) { c.commandURL = strings.TrimRight(url, "/") }
}

// QueryURL is the C side's address; DefaultQueryURL otherwise.
func QueryURL(url string) Option {
	return func(c *Client) { c.queryURL = strings.TrimRight(url, "/") }
}

// Token is the bearer token of the commands. Reads are anonymous and do not carry it.
func Token(token string) Option { return func(c *Client) { c.token = token } }

// HTTPClient replaces the HTTP client. It must not have a Timeout: that would cut the feed.
func HTTPClient(h *http.Client) Option { return func(c *Client) { c.http = h } }

// Attempts bounds how often a call is tried; 5 otherwise, 1 switches retries off.
func Attempts(n int) Option { return func(c *Client) { c.attempts = max(n, 1) } }

// Backoff is the longest wait before the first retry, and the longest wait at all; 100 ms and 2 s
// otherwise. Between them it doubles, and each wait is a random part of it.
func Backoff(first, longest time.Duration) Option {
	return func(c *Client) { c.backoff, c.backoffMax = first, longest }
}

// New makes a Client. It does not connect yet.
func New(options ...Option) *Client {
	c := &Client{
		commandURL: DefaultCommandURL, queryURL: DefaultQueryURL, http: &http.Client{},
		attempts: 5, backoff: 100 * time.Millisecond, backoffMax: 2 * time.Second, spare: budget{share: hedgeShare},
	}
	for _, o := range options {
		o(c)
	}
	c.connect()
	commands := sender{c.http}
	c.anchor = anchorv1connect.NewAnchorServiceClient(commands, anyAddress)
	c.extend = extendv1connect.NewExtendServiceClient(commands, anyAddress)
	c.schedule = schedulev1connect.NewScheduleServiceClient(commands, anyAddress)
	c.management = managementv1connect.NewManagementServiceClient(commands, anyAddress)
	c.audit = managementv1connect.NewAuditServiceClient(commands, anyAddress)
	c.people = managementv1connect.NewPeopleServiceClient(commands, anyAddress)
	c.rules = managementv1connect.NewRulesServiceClient(commands, anyAddress)
	c.ops = opsv1connect.NewOpsServiceClient(commands, anyAddress)
	return c
}
