package cli

import (
	"context"
	"fmt"
	"strings"

	greenroom "github.com/greenroomlive/greenroom/client"
)

type areaCmd struct {
	List   areaList   `cmd:"" help:"Show the tree."`
	Create areaCreate `cmd:"" help:"File a new area."`
	Move   areaMove   `cmd:"" help:"Move an area with all below it."`
	Rename areaRename `cmd:"" help:"Give an area another name."`
}

type areaList struct{}

func (c *areaList) Run(ctx context.Context, s *session) error {
	areas, err := s.ListAreas(ctx)
	if err != nil {
		return err
	}
	if len(areas) == 0 && !s.json {
		_, err := fmt.Fprintln(s.out, "There are no areas yet: greenroom area create NAME")
		return err
	}
	return s.tree(areas, 0)
}

// tree prints siblings in the order they came, children indented below; as JSON the top ones whole.
func (s *session) tree(areas []*greenroom.Area, depth int) error {
	for _, a := range areas {
		if s.json {
			if err := s.message(a); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(s.out, "%s%s  %s\n", strings.Repeat("  ", depth), num(a.GetId()), plain(a.GetName()))
		if err := s.tree(a.GetChildren(), depth+1); err != nil {
			return err
		}
	}
	return nil
}

type areaCreate struct {
	Name   string `arg:"" help:"Up to 64 characters."`
	Parent int64  `placeholder:"ID" help:"File it below this area; at the top when absent."`
}

func (c *areaCreate) Run(ctx context.Context, s *session) error {
	return s.area(s.CreateArea(ctx, c.Parent, c.Name))
}

type areaMove struct {
	ID     int64 `arg:"" help:"Area id."`
	Parent int64 `arg:"" help:"Below this area; 0 is the top."`
}

func (c *areaMove) Run(ctx context.Context, s *session) error {
	return s.area(s.MoveArea(ctx, c.ID, c.Parent))
}

type areaRename struct {
	ID   int64  `arg:"" help:"Area id."`
	Name string `arg:"" help:"Up to 64 characters."`
}

func (c *areaRename) Run(ctx context.Context, s *session) error {
	return s.area(s.RenameArea(ctx, c.ID, c.Name))
}

func (s *session) area(a *greenroom.Area, err error) error {
	if err != nil {
		return err
	}
	return s.tree([]*greenroom.Area{a}, 0)
}
