package queryapi

import (
	"context"

	"google.golang.org/grpc/metadata"

	speakv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/speak/v1"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/speak"
	"github.com/greenroomlive/greenroom/internal/wire"
)

// speakService is greenroom.speak.v1.SpeakService.
type speakService struct {
	speakv1.UnimplementedSpeakServiceServer
	door *GRPC
}

// CheckSpeak is speakv1.SpeakServiceServer.
func (s speakService) CheckSpeak(ctx context.Context, req *speakv1.CheckSpeakRequest) (*speakv1.CheckSpeakResponse, error) {
	h, err := s.hearing(ctx, req.GetRoomId())
	if err != nil {
		return nil, err
	}
	q, err := isAsked("question.", req.GetQuestion())
	if err == nil {
		err = checkQuestion("question.", &q)
	}
	if err != nil {
		return nil, err
	}
	return &speakv1.CheckSpeakResponse{Verdict: h.verdict(&q)}, nil
}

// BatchCheckSpeak is speakv1.SpeakServiceServer.
func (s speakService) BatchCheckSpeak(ctx context.Context, req *speakv1.BatchCheckSpeakRequest) (*speakv1.BatchCheckSpeakResponse, error) {
	h, err := s.hearing(ctx, req.GetRoomId())
	if err != nil {
		return nil, err
	}
	list, err := questions(req.GetQuestions())
	if err == nil {
		err = checkQuestions(list)
	}
	if err != nil {
		return nil, err
	}
	out := &speakv1.BatchCheckSpeakResponse{Verdicts: make([]*speakv1.Verdict, len(list))}
	for i := range list {
		out.Verdicts[i] = h.verdict(&list[i])
	}
	return out, nil
}

func (s speakService) hearing(ctx context.Context, room int64) (h hearing, err error) {
	within, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	if err := s.door.Speech.MayAsk(within, callBearer(ctx)); err != nil {
		return h, err
	}
	if err := positive("room_id", room); err != nil {
		return h, err
	}
	return s.door.hearing(within, ident.RoomID(room))
}

// callBearer is the token of a call; empty for none.
func callBearer(ctx context.Context) string {
	md, _ := metadata.FromIncomingContext(ctx)
	if all := md.Get("authorization"); len(all) == 1 {
		return string(token([]byte(all[0])))
	}
	return ""
}

func (h *hearing) verdict(q *speak.Question) *speakv1.Verdict {
	v := h.court.Check(h.room, h.owner, q, h.now)
	return &speakv1.Verdict{
		UserId: int64(q.User), Allowed: v.Allowed(), Rule: speakv1.Rule(speakv1.Rule_value[string(v.Rule)]), Until: wire.Time(v.Until), Reason: v.Reason,
	}
}
