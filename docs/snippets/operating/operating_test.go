//go:build unix

package operating

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/remote"
)

func TestATreeThatGivesUpEndsTheProgramWithTheReason(t *testing.T) {
	s := spec(sup.ChildSpec[sup.Worker]{ID: "bad", Start: sup.Every(time.Millisecond, func(context.Context) error { return errors.New("no price") })})
	s.Children = s.Children[1:] // without the control socket
	if err := run(t.Context(), s); !errors.Is(err, sup.ErrIntensity) {
		t.Error(err)
	}
}

func TestWithoutAServerTheClientSaysSo(t *testing.T) {
	if err := fromGo(t.Context()); !errors.Is(err, remote.ErrUnreachable) && !errors.Is(err, remote.ErrUntrusted) {
		t.Error(err)
	}
}

func TestMissingCertificatesAreAnError(t *testing.T) {
	if _, err := overTCP("no.pem", "no.key", "", "0123456789abcdef"); err == nil {
		t.Error("no error")
	}
}
