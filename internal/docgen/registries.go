package main

import (
	"fmt"
	"strconv"
	"strings"

	"google.golang.org/grpc/codes"

	"github.com/greenroomlive/greenroom/internal/app"
	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ownership"
	"github.com/greenroomlive/greenroom/internal/flow/station"
)

func faults(p *page) error {
	p.title("Errors", "Every door answers an error as "+
		"`{\"error\":{\"code\":\"…\",\"message\":\"…\",\"details\":{…},\"request_id\":\"…\"}}`, or the same in a gRPC or Connect status. "+
		"Programs look at the code; the message is for people and may change. *Retry* says whether the same request may succeed later.")
	var rows [][]string
	for _, c := range fault.Registry() {
		rows = append(rows, []string{code(c.Name), strconv.Itoa(c.HTTP), codes.Code(c.GRPC).String(), yes(c.Retryable), c.Meaning})
	}
	p.table([]string{"Code", "HTTP", "gRPC", "Retry", "Meaning"}, rows)
	return nil
}

func events(p *page) error {
	p.title("Events", "What the feed tells, in the order of a room's life. The word is the same in the code, on the feed, in metrics and here: "+
		"`git grep -w WentLive` walks the whole corridor.")
	carries := map[event.Type][]string{}
	for _, c := range ownership.Table {
		for _, t := range c.Events {
			carries[t] = append(carries[t], code(c.Entity+"."+c.Name))
		}
	}
	for _, e := range event.Registry {
		p.section(string(e.Type))
		p.text(e.Meaning)
		decides := "Decided in " + code(e.Story)
		if e.Command != "" {
			decides += " by the command " + code(e.Command)
		}
		p.text(decides + ".")
		if columns := carries[e.Type]; len(columns) > 0 {
			p.text("Carries " + strings.Join(columns, ", ") + ".")
		}
	}
	return nil
}

func fields(p *page) error {
	p.title("Fields", "Who writes each column, on which side it lives, which events carry it to the viewers' side, and whether viewers see it. "+
		"The stores refuse a write by any other role with `FIELD_NOT_OWNED`. A secret column leaves the B side in no form.")
	var entity string
	var rows [][]string
	flush := func() {
		if entity != "" {
			p.section(entity)
			p.table([]string{"Column", "Owner", "Side", "Events", "Viewers", "Secret"}, rows)
		}
		rows = nil
	}
	for _, c := range ownership.Table {
		if c.Entity != entity {
			flush()
			entity = c.Entity
		}
		types := make([]string, len(c.Events))
		for i, t := range c.Events {
			types[i] = string(t)
		}
		rows = append(rows, []string{code(c.Name), string(c.Owner), string(c.Side), strings.Join(types, ", "), yes(c.Viewers), yes(c.Secret)})
	}
	flush()
	return nil
}

func corridor(p *page) error {
	p.title("The corridor", "The stations of an event, from the command to the viewers' answer. `greenroom trace room ID` tells when the last changes of a "+
		"room passed them; `greenroom explain go-live` and `greenroom explain lock` tell the same way through the code.")
	for i, s := range station.Corridor {
		p.section(fmt.Sprintf("%d. %s", i+1, s.Station))
		p.stop(s)
	}
	p.section("Couriers")
	p.text("An event reaches the viewers' side by the first of these that brings it: " +
		strings.Join([]string{code(string(station.Queue)), code(string(station.Direct)), code(string(station.CatchUp)), code(string(station.StateTransfer))}, ", ") + ".")
	p.section("Beside the corridor: a stream that is stopped")
	p.text("Somebody ended its session: a lock, a cut, a stop, or one who took over.")
	for _, s := range station.Stopping {
		p.text("**" + string(s.Station) + "**")
		p.stop(s)
	}
	return nil
}

func (p *page) stop(s station.Stop) {
	p.text(strings.ToUpper(s.Does[:1]) + s.Does[1:] + ".")
	p.text(fmt.Sprintf("In %s, `%s`. Measured by %s.", code(s.Package), s.Symbol, code(s.Metric)))
}

func instruments(p *page) error {
	p.title("Metrics", "Served in the Prometheus format at `/metrics` of the command address and of the admin address. The names are "+
		"`greenroom_<package>_<thing>_<unit>`; the Go runtime's and the process's own metrics stand beside them.")
	list, err := app.MetricsReference()
	if err != nil {
		return err
	}
	var rows [][]string
	for _, m := range list {
		labels := make([]string, len(m.Labels))
		for i, l := range m.Labels {
			labels[i] = code(l)
		}
		rows = append(rows, []string{code(m.Name), m.Kind, strings.Join(labels, ", "), m.Help})
	}
	p.table([]string{"Name", "Kind", "Labels", "Meaning"}, rows)
	return nil
}
