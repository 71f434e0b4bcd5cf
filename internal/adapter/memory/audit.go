package memory

import (
	"slices"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/audit"
)

// Record is command.Tx.
func (tx *roomsTx) Record(e *audit.Entry) error {
	var page audit.Page
	if n := len(tx.is.audit); n > 0 {
		page.Last = tx.is.audit[n-1].Last
	}
	page.Append(e.AppendJSON(nil), e.At)
	tx.is.audit = append(slices.Clip(tx.is.audit), page)
	return nil
}

func (rd roomsReader) AuditAfter(after int64, limit int) (out []audit.Page, err error) {
	for _, p := range rd.is.audit {
		if p.Last.Seq > after && len(out) < limit {
			out = append(out, p)
		}
	}
	return out, nil
}

func (rd roomsReader) AuditBefore(before int64, from, to time.Time, limit int) (out []audit.Page, err error) {
	for _, p := range slices.Backward(rd.is.audit) {
		below := before == 0 || p.Last.Seq < before
		if below && !p.Latest.Before(from) && (to.IsZero() || !p.Earliest.After(to)) && len(out) < limit {
			out = append(out, p)
		}
	}
	return out, nil
}
