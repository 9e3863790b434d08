package plugin

import (
	"context"
	"fmt"
	"slices"
	"strings"

	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/reflection/grpc_reflection_v1alpha"
	"google.golang.org/grpc/status"
)

// checkServices finds that the plugin serves what its T calls.
func (in *instance[T]) checkServices(ctx context.Context) error {
	link, ok := in.link.(*goplugin.GRPCClient)
	if !ok || len(in.dialer.services) == 0 {
		return nil
	}
	served, err := listServices(ctx, link.Conn)
	if err != nil {
		return fmt.Errorf("%w: it cannot be asked for its services: %w", ErrInterface, err)
	}
	var missing []string
	for _, name := range in.dialer.services {
		if !slices.Contains(served, name) {
			missing = append(missing, name)
		}
	}
	if missing == nil {
		return nil
	}
	return fmt.Errorf("%w: it does not serve %s, which a %s needs", ErrInterface, strings.Join(missing, ", "), typeName[T]())
}

// listServices asks a server for the names of its services, through either
// version of reflection: plugins built with an older gRPC have the older one
// only.
func listServices(ctx context.Context, conn *grpc.ClientConn) ([]string, error) {
	names, err := listServicesV1(ctx, conn)
	if status.Code(err) == codes.Unimplemented {
		return listServicesV1Alpha(ctx, conn)
	}
	return names, err
}

func listServicesV1(ctx context.Context, conn *grpc.ClientConn) (names []string, err error) {
	ctx, cancel := context.WithCancel(ctx) // ends the stream
	defer cancel()
	stream, err := grpc_reflection_v1.NewServerReflectionClient(conn).ServerReflectionInfo(ctx)
	if err != nil {
		return nil, err
	}
	list := &grpc_reflection_v1.ServerReflectionRequest_ListServices{}
	if err := stream.Send(&grpc_reflection_v1.ServerReflectionRequest{MessageRequest: list}); err != nil {
		return nil, err
	}
	answer, err := stream.Recv()
	if err != nil {
		return nil, err
	}
	for _, s := range answer.GetListServicesResponse().GetService() {
		names = append(names, s.GetName())
	}
	return names, nil
}

func listServicesV1Alpha(ctx context.Context, conn *grpc.ClientConn) (names []string, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := grpc_reflection_v1alpha.NewServerReflectionClient(conn).ServerReflectionInfo(ctx)
	if err != nil {
		return nil, err
	}
	list := &grpc_reflection_v1alpha.ServerReflectionRequest_ListServices{}
	if err := stream.Send(&grpc_reflection_v1alpha.ServerReflectionRequest{MessageRequest: list}); err != nil {
		return nil, err
	}
	answer, err := stream.Recv()
	if err != nil {
		return nil, err
	}
	for _, s := range answer.GetListServicesResponse().GetService() {
		names = append(names, s.GetName())
	}
	return names, nil
}
