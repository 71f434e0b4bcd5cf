package wire

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	roomv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/room/v1"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

// Detail makes the message of what an event carries beside the card; nil for none.
func Detail(d *view.Detail) *roomv1.Detail {
	if d == nil {
		return nil
	}
	m := &roomv1.Detail{Rules: Rules(d.Rules), Schedule: Schedule(d.Schedule)}
	for i := range d.People {
		m.People = append(m.People, Person(&d.People[i]))
	}
	return m
}

// GoDetail is the reverse of Detail. A role beyond the known ones is refused: a moderator of a newer version must not
// become a viewer.
func GoDetail(m *roomv1.Detail) (*view.Detail, error) {
	if m == nil {
		return nil, nil //nolint:nilnil // an event without a detail is the common one
	}
	d := &view.Detail{Rules: GoRules(m.GetRules()), Schedule: GoSchedule(m.GetSchedule())}
	for _, each := range m.GetPeople() {
		p, err := GoPerson(each)
		if err != nil {
			return nil, err
		}
		d.People = append(d.People, p)
	}
	return d, nil
}

// MarshalDetail encodes a detail for storage.
func MarshalDetail(d *view.Detail) ([]byte, error) { return proto.Marshal(Detail(d)) }

// UnmarshalDetail is the reverse of MarshalDetail.
func UnmarshalDetail(b []byte) (*view.Detail, error) {
	var m roomv1.Detail
	if err := proto.Unmarshal(b, &m); err != nil {
		return nil, fmt.Errorf("wire: detail: %w", err)
	}
	return GoDetail(&m)
}

// MarshalPerson encodes a person for storage.
func MarshalPerson(p *view.Person) ([]byte, error) { return proto.Marshal(Person(p)) }

// UnmarshalPerson is the reverse of MarshalPerson.
func UnmarshalPerson(b []byte) (view.Person, error) {
	var m roomv1.Person
	if err := proto.Unmarshal(b, &m); err != nil {
		return view.Person{}, fmt.Errorf("wire: person: %w", err)
	}
	return GoPerson(&m)
}

// MarshalRules encodes rules for storage.
func MarshalRules(r *view.Rules) ([]byte, error) { return proto.Marshal(Rules(r)) }

// UnmarshalRules is the reverse of MarshalRules.
func UnmarshalRules(b []byte) (view.Rules, error) {
	var m roomv1.Rules
	if err := proto.Unmarshal(b, &m); err != nil {
		return view.Rules{}, fmt.Errorf("wire: rules: %w", err)
	}
	return *GoRules(&m), nil
}

// Person makes the message of a person.
func Person(p *view.Person) *roomv1.Person {
	return &roomv1.Person{
		UserId: int64(p.User), Role: roomv1.Person_Role(p.Role), RoleUntil: Time(p.RoleUntil), Mute: sanction(p.Mute), Ban: sanction(p.Ban),
	}
}

// GoPerson is the reverse of Person.
func GoPerson(m *roomv1.Person) (view.Person, error) {
	role := m.GetRole()
	if role < 0 || role > roomv1.Person_MODERATOR {
		return view.Person{}, fmt.Errorf("wire: role %d is unknown", role)
	}
	return view.Person{
		User: ident.UserID(m.GetUserId()), Role: view.Role(role), RoleUntil: GoTime(m.GetRoleUntil()),
		Mute: goSanction(m.GetMute()), Ban: goSanction(m.GetBan()),
	}, nil
}

func sanction(s *view.Sanction) *roomv1.Sanction {
	if s == nil {
		return nil
	}
	return &roomv1.Sanction{Since: Time(s.Since), Until: Time(s.Until), SessionId: int64(s.Session), Reason: s.Reason}
}

func goSanction(m *roomv1.Sanction) *view.Sanction {
	if m == nil {
		return nil
	}
	return &view.Sanction{
		Since: GoTime(m.GetSince()), Until: GoTime(m.GetUntil()), Session: ident.SessionID(m.GetSessionId()), Reason: m.GetReason(),
	}
}

// Rules makes the message of a room's rules; nil for none.
func Rules(r *view.Rules) *roomv1.Rules {
	if r == nil {
		return nil
	}
	return &roomv1.Rules{
		SlowModeSeconds: int32(r.SlowMode / time.Second), MembersOnly: r.MembersOnly, MinAccountAgeSeconds: int64(r.MinAccountAge / time.Second),
		NoLinks: r.NoLinks, EmoteOnly: r.EmoteOnly, BlockedTerms: r.BlockedTerms, BlockedExpressions: r.BlockedExpressions,
	}
}

// GoRules is the reverse of Rules.
func GoRules(m *roomv1.Rules) *view.Rules {
	if m == nil {
		return nil
	}
	return &view.Rules{
		SlowMode: time.Duration(m.GetSlowModeSeconds()) * time.Second, MembersOnly: m.GetMembersOnly(),
		MinAccountAge: time.Duration(m.GetMinAccountAgeSeconds()) * time.Second, NoLinks: m.GetNoLinks(), EmoteOnly: m.GetEmoteOnly(),
		BlockedTerms: m.GetBlockedTerms(), BlockedExpressions: m.GetBlockedExpressions(),
	}
}
