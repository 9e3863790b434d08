package plugin

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
)

// checkServices finds that the connection works, and that the plugin serves
// what its T calls. A file that has been found to is not asked again: after a
// crash each question is time that a caller waits.
func (in *instance[T]) checkServices(ctx context.Context) error {
	link, ok := in.link.(*goplugin.GRPCClient)
	if !ok {
		return nil // Dispense asks
	}
	last := in.spec.known.Load()
	known := last != nil && *last == in.file && in.file.there()
	if known && link.Conn.GetState() == connectivity.Ready {
		return nil
	}
	if known || len(in.dialer.services) == 0 {
		return in.reached(in.ping(ctx))
	}
	served, err := listServices(ctx, link.Conn)
	if status.Code(err) == codes.Unimplemented {
		return fmt.Errorf("%w: no list of services: %w", ErrInterface, err)
	}
	if err != nil {
		return in.reached(err)
	}
	var missing []string
	for _, name := range in.dialer.services {
		if !slices.Contains(served, name) {
			missing = append(missing, name)
		}
	}
	if missing != nil {
		return fmt.Errorf("%w: no service %s, which a %s needs", ErrInterface, strings.Join(missing, ", "), typeName[T]())
	}
	in.spec.known.Store(&in.file)
	return nil
}

// listServices asks a server for the names of its services, through either
// version of reflection, which differ in nothing else: plugins built with an
// older gRPC have the older one only.
func listServices(ctx context.Context, conn grpc.ClientConnInterface) ([]string, error) {
	names, err := listServicesBy(ctx, conn, "grpc.reflection.v1.ServerReflection")
	if status.Code(err) == codes.Unimplemented {
		return listServicesBy(ctx, conn, "grpc.reflection.v1alpha.ServerReflection")
	}
	return names, err
}

func listServicesBy(ctx context.Context, conn grpc.ClientConnInterface, reflection string) ([]string, error) {
	ctx, cancel := context.WithCancel(ctx) // ends the stream
	defer cancel()
	stream, err := conn.NewStream(ctx, &grpc_reflection_v1.ServerReflection_ServiceDesc.Streams[0], "/"+reflection+"/ServerReflectionInfo")
	if err != nil {
		return nil, err
	}
	list := &grpc_reflection_v1.ServerReflectionRequest_ListServices{}
	err = stream.SendMsg(&grpc_reflection_v1.ServerReflectionRequest{MessageRequest: list})
	if err != nil && err != io.EOF { // after that it is RecvMsg that tells why
		return nil, err
	}
	answer := new(grpc_reflection_v1.ServerReflectionResponse)
	if err := stream.RecvMsg(answer); err != nil {
		return nil, err
	}
	var names []string
	for _, s := range answer.GetListServicesResponse().GetService() {
		names = append(names, s.GetName())
	}
	return names, nil
}
