package remote

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// ServerTLS makes the TLS of a [Server] from PEM files: its certificate and key
// and, for grants by [Certificate], those of the authorities that sign the
// certificates of clients, or "" if there are none.
func ServerTLS(certFile, keyFile, clientCAFile string) (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("remote: certificate %s, key %s: %w", certFile, keyFile, err)
	}
	config := &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{pair}}
	if clientCAFile != "" {
		if config.ClientCAs, err = authorities(clientCAFile); err != nil {
			return nil, err
		}
	}
	return config, nil
}

// ClientTLS makes the TLS of a [Dialer] from PEM files: the authorities that
// sign the certificate of the server, or "" for those of the system; and the
// client's certificate and key, or "" for none.
func ClientTLS(caFile, certFile, keyFile string) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS13}
	if caFile != "" {
		var err error
		if config.RootCAs, err = authorities(caFile); err != nil {
			return nil, err
		}
	}
	if certFile == "" && keyFile == "" {
		return config, nil
	}
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("remote: certificate %s, key %s: %w", certFile, keyFile, err)
	}
	config.Certificates = []tls.Certificate{pair}
	return config, nil
}

func authorities(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("remote: authorities: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("remote: authorities: %w", errors.New(file+" has no certificate in PEM form"))
	}
	return pool, nil
}
