package plugin

import (
	"context"
	"fmt"
	"time"

	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/espalier-go/espalier/sup"
)

// ping asks the plugin whether it is there.
func (in *instance[T]) ping(ctx context.Context) error {
	if link, ok := in.link.(*goplugin.GRPCClient); ok { // its Ping takes no context
		_, err := grpc_health_v1.NewHealthClient(link.Conn).Check(ctx,
			&grpc_health_v1.HealthCheckRequest{Service: goplugin.GRPCServiceName})
		return err
	}
	answer := make(chan error, 1)
	if !in.spawn(func() { answer <- in.link.Ping() }) {
		return ErrUnreachable
	}
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// watchLiveness ends a plugin that does not answer.
func (in *instance[T]) watchLiveness() {
	l := in.spec.Liveness
	turn := time.NewTicker(l.Interval)
	defer turn.Stop()
	for failures := 0; ; {
		select {
		case <-in.gone:
			return
		case <-turn.C:
		}
		ctx, cancel := within(context.Background(), l.Timeout, context.DeadlineExceeded)
		stop := context.AfterFunc(in.life, cancel)
		err := in.ping(ctx)
		stop()
		cancel()
		if err == nil {
			sup.Beat(in.binary.ctx)
			failures = 0
			continue
		}
		if failures++; failures >= l.Failures {
			in.condemn(fmt.Errorf("%w: %d times in a row, each within %v", ErrUnanswered, failures, l.Timeout))
			return
		}
	}
}
