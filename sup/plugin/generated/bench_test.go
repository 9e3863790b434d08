//go:build unix

package generated_test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/espalier-go/espalier/sup/plugin"
	"github.com/espalier-go/espalier/sup/plugin/generated"
)

// Each benchmark measures a limit and ours in turn, so that other load on the machine
// affects both, and reports the medians and their ratio.
func pair(b *testing.B, limit, ours func()) {
	b.Helper()
	var times [2][]time.Duration
	for b.Loop() {
		for i, f := range []func(){limit, ours} {
			begun := time.Now()
			for range 20 {
				f()
			}
			times[i] = append(times[i], time.Since(begun)/20)
		}
	}
	var medians [2]float64
	for i := range times {
		slices.Sort(times[i])
		medians[i] = float64(times[i][len(times[i])/2].Nanoseconds())
	}
	b.ReportMetric(medians[0]/1000, "limit-µs")
	b.ReportMetric(medians[1]/1000, "ours-µs")
	b.ReportMetric(medians[1]/medians[0], "ratio")
	b.ReportMetric(0, "ns/op")
}

// echoService returns what it gets, as protobuf.
var echoService = grpc.ServiceDesc{
	ServiceName: "bench.Echo",
	HandlerType: (*any)(nil),
	Methods: []grpc.MethodDesc{{MethodName: "Echo", Handler: func(_ any, _ context.Context, dec func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		in := new(wrapperspb.BytesValue)
		if err := dec(in); err != nil {
			return nil, err
		}
		return in, nil
	}}},
}

// BenchmarkCall measures a call with its answer to an interface against the same call by
// protobuf, both over a Unix socket of this process.
func BenchmarkCall(b *testing.B) {
	for _, size := range []int{10, 1 << 20} {
		b.Run(fmt.Sprint(size, " bytes"), func(b *testing.B) {
			data := make([]byte, size)
			for i := range data {
				data[i] = byte(i)
			}
			conn := serveUnix(b)
			e := definitionOfEchoer.NewClient(generated.RemoteOf(definitionOfEchoer, conn)).(echoer)
			pair(b, func() {
				out := new(wrapperspb.BytesValue)
				if err := conn.Invoke(b.Context(), "/bench.Echo/Echo", wrapperspb.Bytes(data), out); err != nil || len(out.Value) != size {
					b.Fatal(err)
				}
			}, func() {
				if out, err := e.Echo(b.Context(), data); err != nil || len(out) != size {
					b.Fatal(err)
				}
			})
		})
	}
}

// serveUnix serves an echoer both ways.
func serveUnix(b *testing.B) *grpc.ClientConn {
	listener, err := net.Listen("unix", b.TempDir()+"/s")
	if err != nil {
		b.Fatal(err)
	}
	server := grpc.NewServer(grpc.MaxRecvMsgSize(1 << 30))
	server.RegisterService(&echoService, nil)
	if err := generated.Register(server, definitionOfEchoer, echo{}); err != nil {
		b.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener)
	}()
	conn, err := grpc.NewClient("unix:"+listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(1<<30)))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		conn.Close()
		server.Stop()
		<-served
	})
	return conn
}

type echo struct{}

func (echo) Echo(_ context.Context, data []byte) ([]byte, error) { return data, nil }

// BenchmarkInProcess measures a call in process against a call of the same value through
// a handle.
func BenchmarkInProcess(b *testing.B) {
	for _, opts := range [][]plugin.InProcessOption{nil, {plugin.Shared()}} {
		b.Run(fmt.Sprint("shared ", opts != nil), func(b *testing.B) {
			source := plugin.InProcess(func(context.Context) (echoer, error) { return echo{}, nil }, opts...)
			child := superviseEchoer(b, source)
			direct, viaHandle := echo{}, newEchoer(child)
			data := []byte("ten bytes.")
			pair(b, func() {
				err := child.Do(b.Context(), func(ctx context.Context, _ *plugin.Client[echoer]) error {
					_, err := direct.Echo(ctx, data)
					return err
				})
				if err != nil {
					b.Fatal(err)
				}
			}, func() {
				if _, err := viaHandle.Echo(b.Context(), data); err != nil {
					b.Fatal(err)
				}
			})
		})
	}
}
