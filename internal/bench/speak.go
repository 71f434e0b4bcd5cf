package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	greenroom "github.com/greenroomlive/greenroom/client"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/speak"
)

const (
	// blockedTerms are in the rules of the room that is asked about.
	blockedTerms = 500
	// batched is how many questions a chat system asks at once.
	batched = 100
	// askers is how many different questions are asked in turn, of more users than the processor's caches hold.
	askers = 50_000
	// heardWithin bounds how long the viewers' side may take to hear of all mutes.
	heardWithin = time.Minute
)

// speak measures what it costs a viewers' node to say who may speak, in a room with as many mutes and terms as a room
// has after its worst evening.
func (r *run) speak(ctx context.Context) (out section, err error) {
	room := r.sut.rooms[beaterRooms] // whose heartbeats are not measured
	if err := r.raided(ctx, room); err != nil {
		return out, err
	}
	text := func(i int) string { return fmt.Sprintf("what a game, %d would have thought that they win", i) }
	path := fmt.Sprintf("/v1/rooms/%d:", room)
	var muted, free, batch []string
	for i := range askers {
		user := 1 + (i*7919)%r.l.muted // spread over them, and each once in a while
		muted = append(muted, path+"checkSpeak "+question(user, text(i)))
		free = append(free, path+"checkSpeak "+question(r.l.muted+user, text(i)))
	}
	for i := range askers / batched {
		var all []string
		for n := range batched {
			all = append(all, question(r.l.muted+i*batched+n+1, text(n)))
		}
		batch = append(batch, path+`batchCheckSpeak {"questions":[`+strings.Join(all, ",")+"]}")
	}
	for _, a := range []asked{
		{what: "`checkSpeak` of a muted user", requests: muted, proof: `"rule":"MUTE"`, each: 1},
		{what: "`checkSpeak` of a text", requests: free, proof: `"allowed":true`, each: 1},
		{what: fmt.Sprintf("`batchCheckSpeak` of %d texts, per text", batched), requests: batch, proof: `"allowed":true`, each: batched},
	} {
		a.token, a.beyond = r.sut.token, 1
		s, err := r.besideConstant(ctx, a)
		if err != nil {
			return out, err
		}
		out.rows, out.how = append(out.rows, s.rows...), append(out.how, a.what+": "+s.how[0])
	}
	out.how = append([]string{fmt.Sprintf("A room with %s mutes and %d blocked terms. Each text has some 50 letters and none of the terms, so that all of it is gone\n"+
		"through; each request shows a token, which is verified.", thousands(int64(r.l.muted)), blockedTerms)}, out.how...)
	return out, nil
}

func question(user int, text string) string {
	return fmt.Sprintf(`{"user_id":"%d","text":"%s"}`, user, text)
}

// raided mutes users 1, 2, … of a room, gives it rules, and waits until viewers' side has heard of it.
func (r *run) raided(ctx context.Context, room int64) error {
	c := r.sut.client
	if _, err := c.ChangeTerms(ctx, room, terms(), nil); err != nil {
		return err
	}
	for from := 1; from <= r.l.muted; from += greenroom.MaxNamed {
		users := make([]int64, 0, greenroom.MaxNamed)
		for u := from; u <= min(from+greenroom.MaxNamed-1, r.l.muted); u++ {
			users = append(users, int64(u))
		}
		if _, err := c.Mute(ctx, room, users, greenroom.Term{Reason: "a raid", For: time.Hour}); err != nil {
			return err
		}
	}
	wait, cancel := context.WithTimeout(ctx, heardWithin)
	defer cancel()
	last := fmt.Sprintf("/v1/rooms/%d:checkSpeak %s", room, question(r.l.muted, ""))
	return r.sut.Until(wait, "a viewers' side that knows who is muted", func(ctx context.Context) error {
		answer, err := r.sut.say(ctx, r.sut.token, last)
		if err == nil && !strings.Contains(answer, `"rule":"MUTE"`) {
			err = errNotYet
		}
		return err
	})
}

// terms are words of no language, always the same.
func terms() []string {
	dice := rand.New(rand.NewPCG(1, 2))
	out := make([]string, blockedTerms)
	for i := range out {
		word := make([]byte, 5+dice.IntN(6))
		for j := range word {
			word[j] = byte('a' + dice.IntN(26))
		}
		out[i] = string(word)
	}
	return out
}

// mutes measures what a viewers' node keeps of a mute, and what a question costs among so many.
func (r *run) mutes(ctx context.Context) (out section, err error) {
	const everywhere = 100 // in each of the other rooms
	court := speak.New()
	term := &view.Sanction{Until: time.Now().Add(24 * time.Hour), Reason: "a raid"}
	bytes := heapPer(r.l.mutes, func() any {
		err = errors.Join(mute(court, 1, r.l.muted, term))
		for room, left := ident.RoomID(2), r.l.mutes-r.l.muted; left > 0 && err == nil; room, left = room+1, left-everywhere {
			err = mute(court, room, min(everywhere, left), term)
		}
		return court
	})
	if err != nil {
		return out, err
	}
	if people, _ := court.Size(); people != r.l.mutes {
		return out, fmt.Errorf("%d mutes are kept, not %d", people, r.l.mutes)
	}
	const tenth = 10 // of them, for it takes its time
	beside := heapPer(r.l.mutes/tenth, func() any {
		type who struct{ room, user int64 }
		plain := map[who]*view.Sanction{}
		for i := range r.l.mutes / tenth {
			plain[who{int64(i / everywhere), int64(i)}] = new(*term)
		}
		return plain
	})
	mine := figure(fmt.Sprintf("bytes of a mute, %s in one room, %s in all", thousands(int64(r.l.muted)), thousands(int64(r.l.mutes))), digits(bytes)+" bytes",
		"a map from room and user to its end and reason: "+digits(beside)+" bytes", 0, aim{})
	mine.ratio = bytes / beside
	var nanos []float64
	for range r.l.rounds {
		n, err := lookUp(ctx, court, r.l)
		if err != nil {
			return out, err
		}
		nanos = append(nanos, n)
	}
	asked := spreadOf(nanos)
	out.rows = []row{mine, figure("a question among them, of a muted user", asked.show("ns"), "", asked.median, atMostOf(1000, "ns"))}
	out.how = []string{fmt.Sprintf("Live heap after a collection, less what it was before, over the mutes: what a node has in memory when it has heard of all. %s users are in\n"+
		"room 1, the rest %d to a room; the events are of up to %s users each, as commands make them. The comparison holds a tenth of them. A\n"+
		"question goes to users of room 1 by chance, in this process.", thousands(int64(r.l.muted)), everywhere, thousands(greenroom.MaxNamed))}
	return out, nil
}

// mute tells a court of users 1, 2, … of a room.
func mute(court *speak.Court, room ident.RoomID, users int, term *view.Sanction) error {
	for from := 1; from <= users; from += greenroom.MaxNamed {
		d := &view.Detail{}
		for u := from; u <= min(from+greenroom.MaxNamed-1, users); u++ {
			d.People = append(d.People, view.Person{User: ident.UserID(u), Mute: term})
		}
		if err := court.Tell(room, d); err != nil {
			return err
		}
	}
	return nil
}

// lookUp is what a question takes, by wall clock.
func lookUp(ctx context.Context, court *speak.Court, l lengths) (nanos float64, err error) {
	const questions = 1_000_000
	dice, now := rand.New(rand.NewPCG(1, 2)), time.Now()
	began := time.Now()
	for range questions {
		q := speak.Question{User: ident.UserID(1 + dice.IntN(l.muted))}
		if v := court.Check(1, 0, &q, now); v.Rule != speak.Mute {
			return 0, fmt.Errorf("user %s is not muted", q.User)
		}
	}
	return float64(time.Since(began).Nanoseconds()) / questions, ctx.Err()
}
