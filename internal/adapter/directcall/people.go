package directcall

import (
	"context"

	sourcev1 "github.com/greenroomlive/greenroom/api/gen/greenroom/source/v1"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/project"
	"github.com/greenroomlive/greenroom/internal/wire"
)

// People is project.PeopleSource. An entry that cannot be read fails the page: a mute must not be lost in a pull.
func (s *Source) People(ctx context.Context, after project.PersonKey, limit int) (project.PeoplePage, error) {
	a, err := read(ctx, s, &sourcev1.PeopleRequest{RoomId: int64(after.Room), UserId: int64(after.User), Limit: int32(limit)}, sourcev1.SourceServiceClient.People)
	if err != nil {
		return project.PeoplePage{}, err
	}
	page := project.PeoplePage{Head: headOf(a.GetHead())}
	for _, m := range a.GetPeople() {
		p, err := wire.GoPerson(m.GetPerson())
		if err != nil {
			return project.PeoplePage{}, fault.Unreachable.Wrap(err, "a person of the committed state cannot be read here")
		}
		page.People = append(page.People, project.RoomPerson{Room: ident.RoomID(m.GetRoomId()), Version: ident.Version(m.GetVersion()), Person: p})
	}
	return page, nil
}

// Rules is project.PeopleSource.
func (s *Source) Rules(ctx context.Context, from ident.RoomID, limit int) (project.RulesPage, error) {
	a, err := read(ctx, s, &sourcev1.RulesRequest{From: int64(from), Limit: int32(limit)}, sourcev1.SourceServiceClient.Rules)
	if err != nil {
		return project.RulesPage{}, err
	}
	page := project.RulesPage{Head: headOf(a.GetHead())}
	for _, m := range a.GetRules() {
		r := project.RoomRules{Room: ident.RoomID(m.GetRoomId()), Version: ident.Version(m.GetVersion())}
		if rules := wire.GoRules(m.GetRules()); rules != nil {
			r.Rules = *rules
		}
		page.Rules = append(page.Rules, r)
	}
	return page, nil
}
