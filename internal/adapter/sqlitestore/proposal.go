package sqlitestore

import (
	"database/sql"
	"encoding/json"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/ownership"
	"github.com/greenroomlive/greenroom/internal/core/room"
)

// proposalLife is how long a proposal is kept after its time: the record of who agreed.
const proposalLife = 30 * 24 * time.Hour

// SaveProposal is command.Tx.
func (tx *roomsTx) SaveProposal(role ownership.Role, p *room.Proposal) error {
	if err := ownership.Check(role, "room_proposal", "id", "room_id", "verdict", "until_at", "content"); err != nil {
		return err
	}
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	if p.Verdict == room.Pending || p.Verdict == room.Overridden { // which was never pending
		_, err = tx.c.exec(`INSERT INTO room_proposal (id, room_id, verdict, until_at, content) VALUES (?, ?, ?, ?, ?)`,
			int64(p.ID), int64(p.Room), int64(p.Verdict), millis(p.Until), string(text))
		return err
	}
	n, err := tx.c.exec(`UPDATE room_proposal SET verdict = ?, content = ? WHERE id = ? AND verdict = 0`, int64(p.Verdict), string(text), int64(p.ID))
	if err == nil && n == 0 {
		return p.Closed()
	}
	return err
}

// Proposal is command.Reader.
func (rd roomsReader) Proposal(id ident.ProposalID) (*room.Proposal, error) {
	list, err := rd.proposals(`SELECT content FROM room_proposal WHERE id = ?`, int64(id))
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, fault.ProposalNotFound.New("there is no proposal %s", id)
	}
	return list[0], nil
}

// Proposals is command.Reader.
func (rd roomsReader) Proposals(open bool, now time.Time, before ident.ProposalID, limit int) ([]*room.Proposal, error) {
	if before == 0 {
		before = 1<<63 - 1
	}
	if open {
		return rd.proposals(`SELECT content FROM room_proposal WHERE verdict = 0 AND id < ? AND until_at > ? ORDER BY id DESC LIMIT ?`,
			int64(before), millis(now), limit)
	}
	return rd.proposals(`SELECT content FROM room_proposal WHERE id < ? ORDER BY id DESC LIMIT ?`, int64(before), limit)
}

func (rd roomsReader) proposals(text string, args ...any) ([]*room.Proposal, error) {
	var out []*room.Proposal
	err := each(rd.q, func(rows *sql.Rows) error {
		var content []byte
		if err := rows.Scan(&content); err != nil {
			return err
		}
		p := &room.Proposal{}
		out = append(out, p)
		return json.Unmarshal(content, p)
	}, text, args...)
	return out, err
}
