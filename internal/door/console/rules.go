package console

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

// rulesView is the panel of the rules of speech.
type rulesView struct {
	Room ident.RoomID
	// May is true for who may see and change them.
	May   bool
	Rules room.Rules
}

// rulesForm are the rules as text, the way a form holds them.
type rulesForm struct {
	Room                                      ident.RoomID
	Version                                   string
	SlowMode, AccountDays, Terms, Expressions string
	MembersOnly, NoLinks, EmoteOnly           bool
}

// rules reads the panel. Whether somebody may see it is asked of the commands.
func (c *Console) rules(r *http.Request, id ident.RoomID) (rulesView, error) {
	v := rulesView{Room: id}
	caller, signed := c.caller(r)
	if c.Rules == nil || !signed {
		return v, nil
	}
	d, err := c.Rules.Get(r.Context(), command.Meta{Caller: caller}, id)
	if errors.Is(err, fault.PermissionDenied) {
		return v, nil
	}
	if err != nil {
		return v, err
	}
	v.May, v.Rules = true, *d
	return v, nil
}

// Lines are the rules as sentences; none when everybody may say everything.
func (v rulesView) Lines() (out []string) {
	d := v.Rules
	for _, line := range []struct {
		holds bool
		says  string
	}{
		{d.SlowMode > 0, "Slow mode: a message every " + plural(int(d.SlowMode/time.Second), "second", "seconds") + "."},
		{d.MembersOnly, "Only members may speak."},
		{d.MinAccountAge > 0, "Accounts are at least " + lasted(d.MinAccountAge) + " old."},
		{d.NoLinks, "No links."},
		{d.EmoteOnly, "Emotes only."},
		{len(d.BlockedTerms) > 0, plural(len(d.BlockedTerms), "term is", "terms are") + " blocked."},
		{len(d.BlockedExpressions) > 0, plural(len(d.BlockedExpressions), "expression is", "expressions are") + " blocked."},
	} {
		if line.holds {
			out = append(out, line.says)
		}
	}
	return out
}

// rulesForm offers the rules as they are, or, after a fault, as they were sent. The version stays the fresh one:
// sending the form again overwrites on purpose.
func (c *Console) rulesForm(r *http.Request, caller command.Caller) (any, error) {
	id, err := roomID(r)
	if err != nil {
		return nil, err
	}
	d, err := c.Rules.Get(r.Context(), command.Meta{Caller: caller}, id)
	if err != nil {
		return nil, err
	}
	f := rulesForm{Room: id, Version: d.Version.String()}
	if r.Method == http.MethodPost {
		f.SlowMode, f.AccountDays = r.PostFormValue("slow_mode"), r.PostFormValue("min_account_age")
		f.Terms, f.Expressions = r.PostFormValue("blocked_terms"), r.PostFormValue("blocked_expressions")
		f.MembersOnly, f.NoLinks, f.EmoteOnly = r.PostForm.Has("members_only"), r.PostForm.Has("no_links"), r.PostForm.Has("emote_only")
		return f, nil
	}
	f.SlowMode = strconv.Itoa(int(d.SlowMode / time.Second))
	f.AccountDays = strconv.FormatFloat(d.MinAccountAge.Hours()/24, 'g', 6, 64)
	f.Terms, f.Expressions = strings.Join(d.BlockedTerms, "\n"), strings.Join(d.BlockedExpressions, "\n")
	f.MembersOnly, f.NoLinks, f.EmoteOnly = d.MembersOnly, d.NoLinks, d.EmoteOnly
	return f, nil
}

func (c *Console) setRules(r *http.Request, caller command.Caller) (outcome, error) {
	id, err := roomID(r)
	if err != nil {
		return outcome{}, err
	}
	next, err := rulesSent(r)
	if err != nil {
		return outcome{}, err
	}
	version, err := number(r, "version")
	if err != nil {
		return outcome{}, err
	}
	m := c.meta(r, caller)
	m.IfMatch = ident.Version(version)
	if _, err = c.Rules.Set(r.Context(), m, id, next); err != nil {
		return outcome{}, underField(err)
	}
	v, err := c.rules(r, id)
	return outcome{template: "rules-changed", body: v, to: returnPath(r)}, err
}

// rulesSent reads the form; core checks it.
func rulesSent(r *http.Request) (view.Rules, error) {
	next := view.Rules{
		MembersOnly: r.PostForm.Has("members_only"), NoLinks: r.PostForm.Has("no_links"), EmoteOnly: r.PostForm.Has("emote_only"),
		BlockedTerms: lines(r.PostFormValue("blocked_terms")), BlockedExpressions: lines(r.PostFormValue("blocked_expressions")),
	}
	seconds, err := number(r, "slow_mode")
	if err != nil {
		return next, err
	}
	if seconds > int64(room.MaxSlowMode/time.Second) {
		return next, fault.InvalidArgument.New("slow_mode: at most %d seconds", int64(room.MaxSlowMode/time.Second)).With("field", "slow_mode")
	}
	next.SlowMode = time.Duration(seconds) * time.Second
	most := room.MaxAccountAge.Hours() / 24
	if text := strings.TrimSpace(r.PostFormValue("min_account_age")); text != "" {
		days, err := strconv.ParseFloat(text, 64)
		if err != nil || !(days >= 0 && days <= most) {
			return next, fault.InvalidArgument.New("min_account_age: 0 to %.0f days", most).With("field", "min_account_age")
		}
		next.MinAccountAge = time.Duration(days * 24 * float64(time.Hour)).Round(time.Second)
	}
	return next, nil
}

// lines are those of a text that are not empty.
func lines(text string) (out []string) {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, line)
		}
	}
	return out
}

// underField shows a fault within the document at the field of the form: rules.blocked_terms[3] at blocked_terms.
func underField(err error) error {
	f := fault.Of(err)
	field, within := strings.CutPrefix(f.Details["field"], "rules.")
	if !within {
		return err
	}
	field, _, _ = strings.Cut(field, "[")
	return f.Code.New("%s", strings.TrimPrefix(f.Message, "rules.")).With("field", field)
}
