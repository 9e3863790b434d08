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
	bad := sup.Every(time.Millisecond, func(context.Context) error { return errors.New("no price") })
	s := spec(sup.ChildSpec[sup.Worker]{ID: "bad", Start: bad})
	s.Children = s.Children[1:] // the directory of the socket may be missing
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
