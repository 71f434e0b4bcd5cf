package memory_test

import (
	"errors"
	"testing"

	"github.com/greenroomlive/greenroom/internal/adapter/adaptertest/storetest"
	"github.com/greenroomlive/greenroom/internal/adapter/memory"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/project"
)

func TestViewsKeepTheContract(t *testing.T) {
	storetest.Views(t, func(*testing.T) storetest.ViewsLevers {
		views := memory.NewViews()
		return storetest.ViewsLevers{
			Store: views, Reopen: func() storetest.ViewsStore { return views }, Lose: views.Lose,
			Refuse: func(id ident.RoomID) {
				views.Fail = func(b project.Batch) error {
					for _, c := range b.Cards {
						if c.ID == id {
							return errors.New("refused")
						}
					}
					return nil
				}
			},
		}
	})
}

func TestViewsCanBeFollowed(t *testing.T) {
	storetest.Followed(t, func(*testing.T) storetest.FollowedLevers {
		views := memory.NewViews()
		return storetest.FollowedLevers{Store: views, Reopen: func() storetest.FollowedStore { return views }, Lose: views.Lose}
	})
}
