package sourceapi

import (
	"context"

	"google.golang.org/protobuf/proto"

	sourcev1 "github.com/greenroomlive/greenroom/api/gen/greenroom/source/v1"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/project"
	"github.com/greenroomlive/greenroom/internal/wire"
)

// People reads a page of people.
func (d *Door) People(ctx context.Context, req *sourcev1.PeopleRequest) (*sourcev1.PeopleResponse, error) {
	if err := bounded(min(req.GetRoomId(), req.GetUserId()), req.GetLimit()); err != nil {
		return nil, err
	}
	after := project.PersonKey{Room: ident.RoomID(req.GetRoomId()), User: ident.UserID(req.GetUserId())}
	page, err := d.source.People(ctx, after, int(req.GetLimit()))
	if err != nil {
		return nil, err
	}
	out := &sourcev1.PeopleResponse{Head: headOf(page.Head)}
	for i, size := 0, 0; i < len(page.People) && size < wire.PageBytes; i++ {
		each := &page.People[i]
		m := &sourcev1.RoomPerson{RoomId: int64(each.Room), Version: int64(each.Version), Person: wire.Person(&each.Person)}
		out.People = append(out.People, m)
		size += proto.Size(m)
	}
	return out, nil
}

// Rules reads a page of documents.
func (d *Door) Rules(ctx context.Context, req *sourcev1.RulesRequest) (*sourcev1.RulesResponse, error) {
	if err := bounded(req.GetFrom(), req.GetLimit()); err != nil {
		return nil, err
	}
	page, err := d.source.Rules(ctx, ident.RoomID(req.GetFrom()), int(req.GetLimit()))
	if err != nil {
		return nil, err
	}
	out := &sourcev1.RulesResponse{Head: headOf(page.Head)}
	for i, size := 0, 0; i < len(page.Rules) && size < wire.PageBytes; i++ {
		each := &page.Rules[i]
		m := &sourcev1.RoomRules{RoomId: int64(each.Room), Version: int64(each.Version), Rules: wire.Rules(&each.Rules)}
		out.Rules = append(out.Rules, m)
		size += proto.Size(m)
	}
	return out, nil
}

func headOf(h project.Head) *sourcev1.HeadResponse {
	return &sourcev1.HeadResponse{Epoch: h.Epoch, Seq: int64(h.Seq), Floor: int64(h.Floor), Pending: h.Pending}
}
