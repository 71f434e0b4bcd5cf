package commandapi

import (
	anchorv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/anchor/v1"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
)

// patchOf reads which fields an edit changes: those of the mask, or without one those present in
// the body. A masked field that is absent becomes its zero value. An unknown path is INVALID_ARGUMENT.
func patchOf(m *anchorv1.UpdateRoomRequest) (room.Patch, error) {
	fields, paths := m.GetRoom(), m.GetUpdateMask().GetPaths()
	if len(paths) == 0 {
		paths = present(fields)
	}
	var out room.Patch
	for _, path := range paths {
		switch path {
		case "title":
			out.Title = new(fields.GetTitle())
		case "area_id":
			out.Area = new(ident.AreaID(fields.GetAreaId()))
		case "cover_url":
			out.CoverURL = new(fields.GetCoverUrl())
		case "tags":
			out.Tags = new(fields.GetTags())
		case "language":
			out.Language = new(fields.GetLanguage())
		case "publisher_policy":
			out.Policy = new(room.PublisherPolicy(fields.GetPublisherPolicy()))
		default:
			return room.Patch{}, fault.InvalidArgument.New("update_mask: a room has no field %q to edit", path).With("field", "update_mask")
		}
	}
	return out, nil
}

// present names the fields that the body holds. Empty tags cannot be told from absent ones.
func present(f *anchorv1.RoomPatch) []string {
	var out []string
	for _, field := range []struct {
		has  bool
		name string
	}{
		{f.Title != nil, "title"},
		{f.AreaId != nil, "area_id"},
		{f.CoverUrl != nil, "cover_url"},
		{len(f.GetTags()) > 0, "tags"},
		{f.Language != nil, "language"},
		{f.PublisherPolicy != nil, "publisher_policy"},
	} {
		if field.has {
			out = append(out, field.name)
		}
	}
	return out
}
