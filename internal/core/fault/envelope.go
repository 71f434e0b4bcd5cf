package fault

import "encoding/json"

// envelope is the shape of every refusal in JSON, whichever door it leaves by.
type envelope struct {
	Error struct {
		Code      string            `json:"code"`
		Message   string            `json:"message"`
		Details   map[string]string `json:"details"`
		RequestID string            `json:"request_id"`
	} `json:"error"`
}

// Envelope is the fault as callers see it: {"error":{"code","message","details","request_id"}} and a
// line's end. Details are an object even when there are none; the cause stays inside.
func (e *Error) Envelope(requestID string) []byte {
	var out envelope
	out.Error.Code, out.Error.Message, out.Error.RequestID = e.Code.Name, e.Message, requestID
	if out.Error.Details = e.Details; out.Error.Details == nil {
		out.Error.Details = map[string]string{}
	}
	body, err := json.Marshal(&out)
	if err != nil { // strings only: it cannot
		body = []byte(`{}`)
	}
	return append(body, '\n')
}
