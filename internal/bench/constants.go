package bench

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/valyala/fasthttp"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"

	roomv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/room/v1"
)

// constantHTTP answers every request with that many bytes, by net/http as anybody would use it.
func constantHTTP(ctx context.Context, size int, listening func(string)) error {
	body := bytes.Repeat([]byte("x"), size)
	s := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body) // a client that has gone has its answer, so to speak
	})}
	return serving(ctx, listening, s.Serve, s.Close)
}

// constantFast answers every request with that many bytes, by the HTTP server that ours is built on.
func constantFast(ctx context.Context, size int, listening func(string)) error {
	body := bytes.Repeat([]byte("x"), size)
	s := &fasthttp.Server{NoDefaultServerHeader: true, Handler: func(ctx *fasthttp.RequestCtx) {
		ctx.SetContentType("application/json")
		ctx.SetBody(body)
	}}
	return serving(ctx, listening, s.Serve, s.Shutdown)
}

// constantGRPC answers GetRoom with that many bytes, by grpc-go with the settings of our own server.
func constantGRPC(ctx context.Context, size int, listening func(string)) error {
	answer := bytes.Repeat([]byte("x"), size)
	s := grpc.NewServer(grpc.ForceServerCodecV2(rawCodec{}), grpc.NumStreamWorkers(64))
	s.RegisterService(&grpc.ServiceDesc{
		ServiceName: roomv1.RoomService_ServiceDesc.ServiceName, HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{{MethodName: "GetRoom", Handler: func(_ any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
			var asked []byte
			return answer, decode(&asked)
		}}},
	}, nil)
	return serving(ctx, listening, s.Serve, func() error { s.Stop(); return nil })
}

// serving serves on a free port until ctx ends.
func serving(ctx context.Context, listening func(string), serve func(net.Listener) error, stop func() error) error {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	listening(ln.Addr().String())
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		if err := serve(ln); err != nil && !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, grpc.ErrServerStopped) {
			return err
		}
		return nil
	})
	g.Go(func() error {
		<-ctx.Done()
		return stop()
	})
	return g.Wait()
}

// rawCodec takes messages for bytes: encoding is not what is compared.
type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	if b, ok := v.([]byte); ok {
		return mem.BufferSlice{mem.SliceBuffer(b)}, nil
	}
	return nil, errors.New("bytes only")
}

func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	b, ok := v.(*[]byte)
	if !ok {
		return errors.New("bytes only")
	}
	*b = data.Materialize()
	return nil
}
