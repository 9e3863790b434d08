package plugin

import (
	"context"
	"net"
	"slices"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/test/bufconn"
)

func TestServicesAreListedByEitherVersionOfReflection(t *testing.T) {
	for _, name := range []string{"grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"} {
		t.Run(name, func(t *testing.T) {
			server := grpc.NewServer()
			service := grpc_reflection_v1.ServerReflection_ServiceDesc
			service.ServiceName = name
			server.RegisterService(&service, reflection.NewServerV1(reflection.ServerOptions{Services: server}))
			listener := bufconn.Listen(1 << 16)
			served := make(chan error)
			go func() { served <- server.Serve(listener) }()
			defer func() {
				server.Stop()
				<-served
			}()
			conn, err := grpc.NewClient("passthrough:", grpc.WithTransportCredentials(insecure.NewCredentials()),
				grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			names, err := listServices(t.Context(), conn)
			if err != nil || !slices.Equal(names, []string{name}) {
				t.Errorf("%q, %v", names, err)
			}
		})
	}
}
