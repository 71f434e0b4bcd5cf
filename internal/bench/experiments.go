package bench

import (
	"context"
	"time"
)

// lengths are how long each measurement goes on. Rounds are never fewer than three.
type lengths struct {
	rounds              int
	warm, read          time.Duration
	redisGets, redisMGs int
	visible             time.Duration
	commands, fsync     time.Duration
	apply               time.Duration
	startRooms          int
	crawlRooms          int
	crawl               time.Duration
	overload            time.Duration
	watchers            int
	fanout              time.Duration
	// beat is a round of heartbeats; viewers are those that memory is measured with, and crowd the largest whose
	// different viewers are estimated.
	beat           time.Duration
	viewers, crowd int
	// muted are in one room, mutes in all.
	muted, mutes int
	cuts         int
}

// The full rounds are as long as it takes to make a clock tick of CPU time (10 ms) less than a percent.
var (
	full = lengths{rounds: 3, warm: 3 * time.Second, read: 4 * time.Second, redisGets: 250_000, redisMGs: 60_000,
		visible: 10 * time.Second, commands: 5 * time.Second, fsync: 2 * time.Second, apply: 2 * time.Second,
		startRooms: 1_000_000, crawlRooms: 200_000, crawl: 20 * time.Second, overload: 3 * time.Second,
		watchers: 20_000, fanout: 10 * time.Second,
		beat: 2 * time.Second, viewers: 900_000, crowd: 1_000_000, muted: 100_000, mutes: 10_000_000, cuts: 5}
	quick = lengths{rounds: 3, warm: time.Second, read: time.Second, redisGets: 50_000, redisMGs: 5_000,
		visible: 2 * time.Second, commands: time.Second, fsync: 300 * time.Millisecond, apply: 300 * time.Millisecond,
		startRooms: 20_000, crawlRooms: 10_000, crawl: 3 * time.Second, overload: 500 * time.Millisecond,
		watchers: 500, fanout: 2 * time.Second,
		beat: time.Second, viewers: 50_000, crowd: 100_000, muted: 5_000, mutes: 100_000, cuts: 1}
)

// experiment is one measurement, as --only names it.
type experiment struct {
	name, title string
	// server: it measures the running server, which is started when it is not there.
	server bool
	// needs are programs of others, without which there is nothing to measure.
	needs []string
	run   func(*run, context.Context) (section, error)
}

// experiments in the order of the page: first those of one server, then those in this process.
var experiments = []experiment{
	{"reads", "Read cost beside Redis", true, []string{"taskset", "wrk"}, (*run).reads},
	{"batch", "Batch cost beside Redis", true, []string{"taskset", "wrk"}, (*run).batch},
	{"grpc", "gRPC read cost beside a constant answer", true, []string{"taskset"}, (*run).grpc},
	{"latency", "Latency at half load", true, []string{"taskset"}, (*run).latency},
	{"visible", "Commit → visible", true, nil, (*run).visible},
	{"commands", "Acknowledged commands over the disk's fsync rate", true, nil, (*run).commands},
	{"fanout", "The feed at a crowd of followers", true, nil, (*run).fanout},
	{"heartbeat", "Heartbeat cost beside a constant answer", true, []string{"taskset", "wrk"}, (*run).heartbeat},
	{"speak", "Who may speak, beside a constant answer", true, []string{"taskset", "wrk"}, (*run).speak},
	{"cut", "From the lock to the stream's end", false, nil, (*run).cut},
	{"overload", "Overload", false, []string{"taskset"}, (*run).overload},
	{"apply", "Events through project.Apply, and lookups meanwhile", false, nil, (*run).apply},
	{"memory", "Memory of a resident room", false, nil, (*run).memory},
	{"viewers", "Memory of a viewer", false, nil, (*run).viewers},
	{"uniques", "Different viewers, counted by several nodes", false, nil, (*run).uniques},
	{"mutes", "Memory of a mute", false, nil, (*run).mutes},
	{"start", "Start of a viewers' node", false, nil, (*run).starts},
	{"crawl", "Crawls of the live list under churn", false, nil, (*run).crawl},
}

func names() []string {
	out := make([]string, len(experiments))
	for i, e := range experiments {
		out[i] = e.name
	}
	return out
}
