package room

// Story: an anchor edits the room's description.

import (
	"slices"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
)

// Patch changes the fields that are not nil.
type Patch struct {
	Title    *string
	Area     *ident.AreaID
	CoverURL *string
	Tags     *[]string
	Language *string
	Policy   *PublisherPolicy
}

// Edit applies the patch; a patch that changes nothing records no event.
func (r *Room) Edit(by By, p Patch) error {
	d := Description{r.Title, r.Area, r.CoverURL, r.Tags, r.Language, r.Policy}
	renamed := p.Title != nil && *p.Title != d.Title
	set(&d.Title, p.Title)
	set(&d.Area, p.Area)
	set(&d.CoverURL, p.CoverURL)
	set(&d.Tags, p.Tags)
	set(&d.Language, p.Language)
	set(&d.Policy, p.Policy)
	if err := d.check(); err != nil {
		return err
	}
	same := d.Title == r.Title && d.Area == r.Area && d.CoverURL == r.CoverURL &&
		slices.Equal(d.Tags, r.Tags) && d.Language == r.Language && d.Policy == r.Policy
	if same {
		return nil
	}
	r.Title, r.Area, r.CoverURL, r.Tags, r.Language, r.Policy = d.Title, d.Area, d.CoverURL, slices.Clone(d.Tags), d.Language, d.Policy
	if renamed {
		r.record(by, event.RoomRenamed, "")
	} else {
		r.record(by, event.RoomEdited, "")
	}
	return nil
}

// MustBeAt refuses a write that raced: the room is no longer at the version the writer saw.
func (r *Room) MustBeAt(want ident.Version) error {
	if r.Version == want {
		return nil
	}
	return fault.VersionConflict.New("room %s is at version %d, not %d", r.ID, r.Version, want).
		With("version", r.Version.String())
}

func set[T any](field *T, value *T) {
	if value != nil {
		*field = *value
	}
}
