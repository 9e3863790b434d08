package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// networks creates two network namespaces, 10.77.0.1 and 10.77.0.2, and returns the
// terminals in them. It skips the test if that is not permitted.
func networks(t *testing.T) (first, second terminal) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("SKIPPED: only root can make network namespaces")
	}
	id := fmt.Sprint(os.Getpid())
	a, b := "supctl-a"+id, "supctl-b"+id
	steps := []string{
		"netns add " + a, "netns add " + b,
		"-n " + a + " link add cable type veth peer name cable netns " + b,
		"-n " + a + " addr add 10.77.0.1/24 dev cable", "-n " + b + " addr add 10.77.0.2/24 dev cable",
		"-n " + a + " link set cable up", "-n " + b + " link set cable up",
		"-n " + a + " link set lo up", "-n " + b + " link set lo up",
	}
	t.Cleanup(func() { // each may be there or not
		for _, name := range []string{a, b} {
			_ = exec.Command("ip", "netns", "del", name).Run()
		}
	})
	for _, step := range steps {
		if out, err := exec.CommandContext(t.Context(), "ip", strings.Fields(step)...).CombinedOutput(); err != nil {
			t.Skipf("SKIPPED: network namespaces cannot be made here: ip %s: %v: %s", step, err, out)
		}
	}
	return terminal{"ip", "netns", "exec", a}, terminal{"ip", "netns", "exec", b}
}

// pemFiles are the files of an authority, a server at 10.77.0.1, and a client.
type pemFiles struct{ authority, serverCert, serverKey, clientCert, clientKey string }

func certificates(t *testing.T, client string) pemFiles {
	t.Helper()
	dir := t.TempDir()
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	authority := &x509.Certificate{Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	authorityKey := newKey(t)
	issue := func(name string, template *x509.Certificate) (cert, key string) {
		own := authorityKey
		if !template.IsCA {
			own = newKey(t)
		}
		template.SerialNumber = big.NewInt(time.Now().UnixNano())
		template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
		der, err := x509.CreateCertificate(rand.Reader, template, authority, &own.PublicKey, authorityKey)
		if err != nil {
			t.Fatal(err)
		}
		private, err := x509.MarshalPKCS8PrivateKey(own)
		if err != nil {
			t.Fatal(err)
		}
		return write(name+".pem", "CERTIFICATE", der), write(name+".key", "PRIVATE KEY", private)
	}
	var f pemFiles
	f.authority, _ = issue("authority", authority)
	f.serverCert, f.serverKey = issue("server", &x509.Certificate{
		Subject: pkix.Name{CommonName: "server"}, IPAddresses: []net.IP{net.IPv4(10, 77, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	f.clientCert, f.clientKey = issue("client", &x509.Certificate{
		Subject: pkix.Name{CommonName: client}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	return f
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
