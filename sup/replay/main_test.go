package replay_test

import (
	"os"
	"testing"

	"github.com/espalier-go/espalier/internal/leaks"
)

func TestMain(m *testing.M) { os.Exit(leaks.Run(m)) }
