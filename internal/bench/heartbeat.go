package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const (
	// beaters is how many viewers beat in turn: more than the processor's caches hold of them, as in a real crowd.
	beaters = 50_000
	// beaterRooms is how many rooms they watch.
	beaterRooms = 100
)

// asked is a kind of POST that is measured beside a constant answer.
type asked struct {
	what string
	// requests are sent in turn; each is a path, a space, and a body of one line.
	requests []string
	// token is shown with each; empty for who needs none.
	token string
	// proof stands in a good answer: a request that is merely refused costs less.
	proof string
	// each is how many questions one request asks, over which its cost is divided.
	each float64
	// beyond bounds the microseconds of CPU beyond the constant answer's; atLeast is what a core must have time for in a
	// second, 0 for no such aim.
	beyond, atLeast float64
}

// heartbeat measures what a viewer's heartbeat costs the server.
func (r *run) heartbeat(ctx context.Context) (section, error) {
	return r.besideConstant(ctx, asked{
		what: "`POST /v1/rooms/{id}/heartbeat`", requests: heartbeats(r.sut.rooms[:beaterRooms]), proof: `"counted":true`, each: 1, beyond: 3, atLeast: 50_000,
	})
}

// heartbeats are those of all beaters, once.
func heartbeats(rooms []int64) []string {
	out := make([]string, beaters)
	for i := range out {
		out[i] = fmt.Sprintf(`/v1/rooms/%d/heartbeat {"viewer_id":"6b3f2d90-4c1e-4a7b-9a55-%012x"}`, rooms[i%len(rooms)], i)
	}
	return out
}

// besideConstant measures requests with a body beside the same requests at a fasthttp server that has an answer of
// the same size ready: what is left is our own work.
func (r *run) besideConstant(ctx context.Context, a asked) (out section, err error) {
	s := r.sut
	answer, err := s.say(ctx, a.token, a.requests[0])
	if err != nil || !strings.Contains(answer, a.proof) {
		return out, errors.Join(err, fmt.Errorf("%s answers %.100q", a.what, answer))
	}
	script := filepath.Join(r.root, "asked.lua")
	if err := writeScript(script, a.token, a.requests); err != nil {
		return out, err
	}
	constant, err := r.constant(ctx, "fasthttp", len(answer))
	if err != nil {
		return out, err
	}
	defer constant.Stop()
	if err := onlyOnCore0(ctx, s.Pid(), constant.Pid()); err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, pin(ctx, s.Pid(), everyCore())) }()
	beat := func(url string) func() (int64, error) {
		return func() (int64, error) { return wrk(ctx, url, r.l.beat, "-s", script) }
	}
	ours, theirs := &turn{pid: s.Pid(), load: beat(s.QueryURL)}, &turn{pid: constant.Pid(), load: beat("http://" + constant.addr)}
	// The first round warms up: the viewers come, and both servers notice that they have one core.
	if err := takeTurns(r.l.rounds+1, ours, theirs); err != nil {
		return out, err
	}
	out.rows = a.rows(spreadOf(over(ours.us[1:], a.each)), spreadOf(over(theirs.us[1:], a.each)))
	out.how = []string{fmt.Sprintf("%s different requests in turn, each with a body, over %d connections by `wrk -t1` on core 1; server on core 0. The comparison is fasthttp with\n"+
		"an answer of the same %d bytes ready, given the same requests by turns. CPU time of the server over what it answered, with all\n"+
		"that it does besides; a core has the time for a second over the dearest round's.", thousands(int64(len(a.requests))), connections, len(answer))}
	return out, nil
}

func over(us []float64, each float64) []float64 {
	out := make([]float64, len(us))
	for i := range us {
		out[i] = us[i] / each
	}
	return out
}

func (a *asked) rows(us, constant spread) []row {
	beyond, rate, least := us.median-constant.median, 1e6/us.max, aim{}
	if a.atLeast > 0 {
		least = atLeastOf(a.atLeast, "/s")
	}
	return []row{
		against(a.what, "fasthttp, constant answer", us, constant, aim{}),
		figure(a.what+", beyond the constant answer", digits(beyond)+" µs CPU", "", beyond, atMostOf(a.beyond, "µs")),
		figure(a.what+", that one core has the time for", digits(rate)+" /s", "", rate, least),
	}
}

// say sends one request with a token, if there is one, and returns the answer.
func (s *subject) say(ctx context.Context, token, request string) (string, error) {
	path, body, _ := strings.Cut(request, " ")
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.QueryURL+path, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	return string(answer), err
}

// writeScript makes wrk send the requests in turn, with a token if there is one. They are put together before the first
// is sent.
func writeScript(path, token string, requests []string) error {
	list := path + ".txt"
	const script = `local requests, n, headers = {}, 0, { ["Content-Type"] = "application/json" }
local token = %s
if token ~= "" then headers["Authorization"] = "Bearer " .. token end
init = function()
  for line in io.lines(%s) do
    local target, body = line:match("^(%%S+) (.*)$")
    requests[#requests + 1] = wrk.format("POST", target, headers, body)
  end
end
request = function()
  n = n %% #requests + 1
  return requests[n]
end
`
	return errors.Join(
		os.WriteFile(list, []byte(strings.Join(requests, "\n")+"\n"), 0o600),
		os.WriteFile(path, fmt.Appendf(nil, script, strconv.Quote(token), strconv.Quote(list)), 0o600),
	)
}
