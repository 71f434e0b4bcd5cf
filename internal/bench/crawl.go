package bench

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/greenroomlive/greenroom/internal/bench/proof"
	"github.com/greenroomlive/greenroom/internal/core/room"
)

const (
	// churn is the starts and stops a second during a crawl.
	churn = 2000
	// idsAsked is how often the whole live set is read, for comparison.
	idsAsked = 5
)

// proving describes a room that package proof looks after.
func proving(int) room.Description {
	d := usual(0)
	d.Title = string(proof.AppendTitle(nil, 1))
	return d
}

// against points a check at a server.
func (s *subject) against(c proof.Check) proof.Check {
	c.Layout, c.CommandAddr, c.QueryAddr, c.GRPCAddr, c.Token = s.layout, s.CommandAddr(), s.queryAddr(), s.grpcAddr, s.token
	return c
}

// crawl walks through a long live list while rooms start and stop.
func (r *run) crawl(ctx context.Context) (out section, err error) {
	// A tenth of those on the list come and go, from twice as many.
	stays := r.l.crawlRooms * 9 / 10
	s, err := r.serve(ctx, "crawl", rooming(stays+r.l.crawlRooms/5, stays), proving, "--queue-delay", "0s")
	if err != nil {
		return out, err
	}
	defer s.Stop()
	ids, err := s.liveIDs(ctx)
	if err != nil {
		return out, err
	}
	var mu sync.Mutex
	var walks []proof.Crawl
	var found bytes.Buffer
	report, length, err := s.against(proof.Check{
		Commands: churn, Writers: 64, Crawlers: 2, For: r.l.crawl, Seed: 1, Progress: &found,
		Crawled: func(w proof.Crawl) {
			mu.Lock()
			defer mu.Unlock()
			walks = append(walks, w)
		},
	}).Run(ctx)
	if err != nil {
		return out, err
	}
	if len(walks) == 0 {
		return out, fmt.Errorf("no crawl ended within %s", r.l.crawl)
	}
	rate := float64(report.Commands.Load()) / length.Seconds()
	var took, rooms, sure []float64
	for _, w := range walks {
		took, rooms, sure = append(took, millis(w.Took)), append(rooms, float64(w.Rooms)), append(sure, float64(w.Sure))
	}
	all := spreadOf(took)
	out.rows = []row{
		figure(fmt.Sprintf("violations in %d crawls of %s rooms, at %s starts and stops/s", len(walks), digits(spreadOf(rooms).median), digits(rate)),
			thousands(report.Violations()), "", float64(report.Violations()), atMostOf(0, "")),
		{what: fmt.Sprintf("one crawl, %d rooms a page, two at a time", 200), ours: all.show("ms"), beside: "`GET /v1/live:ids` of the same list: " + spreadOf(ids).show("ms"), ratio: all.median / spreadOf(ids).median},
	}
	out.how = []string{fmt.Sprintf("Through the doors of a running server: 64 connections start and stop %s rooms, %s a second are wanted, and two crawlers, one by start and\n"+
		"one by audience, read every page to the end. A crawl is exact when no room comes twice, all pages name one snapshot, it is as long as its\n"+
		"first page announced, every room that was on air when it began is there, and none that was not; rooms that changed at that very moment\n"+
		"are left aside, for %s of the rooms it was certain (%s at least). The node's shedding is off: crawls are what it would refuse first.",
		thousands(int64(s.layout.Rooms-stays)), thousands(churn), digits(spreadOf(sure).median), digits(spreadOf(sure).min))}
	if found.Len() > 0 {
		out.how = append(out.how, "The first violations:\n\n```text\n"+found.String()+"```")
	}
	return out, nil
}

// liveIDs is how long the whole live set takes, in milliseconds.
func (s *subject) liveIDs(ctx context.Context) (ms []float64, err error) {
	for range idsAsked {
		began := time.Now()
		if _, err := get(ctx, s.QueryURL+"/v1/live:ids"); err != nil {
			return nil, err
		}
		ms = append(ms, millis(time.Since(began)))
	}
	return ms, nil
}
