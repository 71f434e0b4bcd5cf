package fleet

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/greenroomlive/greenroom/internal/e2e/harness"
)

// card is a whole room as an answer has it.
type card = map[string]any

// committed reads all rooms from B.
func (s *suite) committed() (map[int64]state, map[int64]card) {
	s.yard.t.Helper()
	states, cards := map[int64]state{}, map[int64]card{}
	ctx, cancel := context.WithTimeout(context.Background(), harness.Deadline)
	defer cancel()
	for token, more := "", true; more; more = token != "" {
		query := url.Values{"page_size": {"200"}, "page_token": {token}}
		body, err := s.get(ctx, s.members["xanchor-1"].url("command")+"/v1/rooms?"+query.Encode())
		if err == nil {
			token, err = readCards(body, states, cards)
		}
		if err != nil {
			s.yard.t.Fatal(err)
		}
	}
	return states, cards
}

// readCards takes the rooms out of an answer that lists some.
func readCards(body []byte, states map[int64]state, cards map[int64]card) (next string, err error) {
	var answer struct {
		Rooms []json.RawMessage `json:"rooms"`
		Next  string            `json:"next_page_token"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return "", err
	}
	for _, text := range answer.Rooms {
		var r struct {
			ID      int64  `json:"id,string"`
			Version int64  `json:"version,string"`
			Title   string `json:"title"`
			Live    struct {
				Status string `json:"status"`
			} `json:"live"`
		}
		var c card
		if err := json.Unmarshal(text, &r); err != nil {
			return "", err
		}
		if err := json.Unmarshal(text, &c); err != nil {
			return "", err
		}
		states[r.ID], cards[r.ID] = state{r.Version, r.Title, r.Live.Status == onAir}, c
	}
	return answer.Next, nil
}

// checkViews waits until every node shows every room as B has it, and notes those that do not in time.
func (s *suite) checkViews(r *result, committed map[int64]card) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	var differ []string
	err := until(ctx, func(ctx context.Context) error {
		differ = differ[:0]
		for _, node := range s.nodes {
			differ = append(differ, s.differences(ctx, node.process, committed)...)
		}
		if len(differ) > 0 {
			return fmt.Errorf("%d rooms differ", len(differ))
		}
		return nil
	})
	r.equal = time.Since(began)
	if err != nil {
		r.differ = differ
	}
}

// differences are the rooms that a node shows otherwise.
func (s *suite) differences(ctx context.Context, process string, committed map[int64]card) (out []string) {
	for ids := range slices.Chunk(slices.Sorted(maps.Keys(committed)), 1000) {
		text := strings.Trim(strings.ReplaceAll(fmt.Sprint(ids), " ", ","), "[]")
		cards := map[int64]card{}
		body, err := s.get(ctx, s.members[process].url("query")+"/v1/rooms?ids="+text)
		if err == nil {
			_, err = readCards(body, map[int64]state{}, cards)
		}
		if err != nil {
			return append(out, fmt.Sprintf("%s: %v", process, err))
		}
		for _, id := range ids {
			if !reflect.DeepEqual(committed[id], cards[id]) {
				out = append(out, fmt.Sprintf("room %d\n    at B: %v\n    at %s: %v", id, committed[id], process, cards[id]))
			}
		}
	}
	return out
}

// readLog reads the feed from its beginning, as far as it has to go to hold everything that is committed.
func (s *suite) readLog(committed map[int64]state) (log []event) {
	s.yard.t.Helper()
	wanted := 0
	for _, c := range committed {
		wanted += int(c.version)
	}
	ctx, cancel := context.WithTimeout(context.Background(), harness.Deadline)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.members["xroom-a-1"].url("query")+"/v1/feed?after=0&heartbeat=1s", nil)
	if err != nil {
		s.yard.t.Fatal(err)
	}
	req.Header.Set("Accept", "application/x-ndjson")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.yard.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }() // it has no end
	lines := bufio.NewReader(res.Body)
	for quiet := 0; wanted > 0 && quiet < 5; {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			s.yard.t.Errorf("the feed ended %d events before all that is committed: %v", wanted, err)
			return log
		}
		e, ok := parseEvent(bytes.TrimSpace(line))
		if !ok { // a heartbeat: everything there is has come
			quiet++
			continue
		}
		quiet = 0
		if log = append(log, e); e.Room != 0 {
			wanted--
		}
	}
	return log
}
