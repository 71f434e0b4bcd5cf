package view

import "slices"

// Diff names the fields of the card in which a and b differ, in the card's order, by
// the names they have in JSON. version and updated_at move with every change and are left out.
func Diff(a, b *RoomCard) []string {
	var out []string
	note := func(differs bool, name string) {
		if differs {
			out = append(out, name)
		}
	}
	note(a.ID != b.ID, "id")
	note(a.AnchorID != b.AnchorID, "anchor_id")
	note(a.Title != b.Title, "title")
	note(a.AreaID != b.AreaID, "area_id")
	note(a.CoverURL != b.CoverURL, "cover_url")
	note(!slices.Equal(a.Tags, b.Tags), "tags")
	note(a.Language != b.Language, "language")
	note(a.Live.Status != b.Live.Status, "live.status")
	note(a.Live.SessionID != b.Live.SessionID, "live.session_id")
	note(a.Live.Epoch != b.Live.Epoch, "live.epoch")
	note(!a.Live.StartedAt.Equal(b.Live.StartedAt), "live.started_at")
	note(a.Control.State != b.Control.State || a.Control.Reason != b.Control.Reason || !a.Control.Until.Equal(b.Control.Until), "control")
	note(a.Extension.Announcement != b.Extension.Announcement, "extension.announcement")
	note(a.Extension.Pinned != b.Extension.Pinned, "extension.pinned")
	note(!slices.Equal(a.Extension.Badges, b.Extension.Badges), "extension.badges")
	note(!slices.Equal(a.Extension.Widgets, b.Extension.Widgets), "extension.widgets")
	return out
}
