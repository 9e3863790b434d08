package plugin

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
)

func FuzzHandshake(f *testing.F) {
	for _, line := range []string{
		"1|1|unix|/tmp/socket|grpc|", "1|3|tcp|127.0.0.1:1234", "2|1|unix|/x|grpc", "1|x|unix|/x", "|||", "hello", "",
		`{"@message":"m","@level":"warn","n":7}`, `{"@message":7}`,
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		h, err := parseHandshake(line)
		switch {
		case err == nil && h.checkEncryption(false) == nil && h.certificate != "":
			t.Errorf("%q has a certificate", line)
		case err == nil && (!isHandshake(strings.TrimSpace(line)) || h.protocol == ""):
			t.Errorf("%q is a handshake: %+v", line, h)
		case err != nil && !errors.Is(err, ErrHandshake) && !errors.Is(err, ErrVersion):
			t.Errorf("%q: %v", line, err)
		}
		var r slog.Record
		if ok := decodeLine(&r, line); ok && !strings.Contains(line, "@message") && !strings.Contains(line, `\u`) {
			t.Errorf("%q is a record: %v", line, r)
		}
	})
}
