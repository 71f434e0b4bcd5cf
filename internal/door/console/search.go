package console

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/greenroomlive/greenroom/internal/core/fault"
)

// foundRooms is how many rooms a search shows: who would have to scroll further types one more word.
const foundRooms = 50

// searchView is the search page, or while somebody types only what was found.
type searchView struct {
	Words string
	Found []cardView
	// More rooms match than are shown.
	More bool
	// Complete is false while rooms may be missing.
	Complete bool
	// Wrong is what is wrong with the words.
	Wrong string
}

func (c *Console) search(w http.ResponseWriter, r *http.Request) error {
	v := searchView{Words: strings.TrimSpace(r.URL.Query().Get("q")), Complete: true}
	if v.Words != "" {
		if err := c.find(r.Context(), &v); err != nil {
			return err
		}
	}
	name := "search"
	if isFragment(r) {
		name = "found"
	}
	return c.write(w, r, http.StatusOK, name, "Search", v)
}

func (c *Console) find(ctx context.Context, v *searchView) error {
	cards, complete, err := c.Board.Search(ctx, v.Words, foundRooms+1)
	if errors.Is(err, fault.InvalidArgument) {
		v.Wrong = "This " + strings.TrimPrefix(fault.Of(err).Message, "q ") + "."
		return nil
	}
	if err != nil {
		return err
	}
	names, err := c.areaNames(ctx)
	if err != nil {
		return err
	}
	v.Complete, v.More = complete, len(cards) > foundRooms
	for _, card := range cards[:min(len(cards), foundRooms)] {
		v.Found = append(v.Found, newCard(card, names))
	}
	return nil
}
