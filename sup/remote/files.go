package remote

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
)

// ServerTLS returns the TLS configuration of a [Server] from PEM files. The files
// hold the certificate and the key of the server and, for grants by [Certificate],
// the authorities that sign client certificates. clientCAFile may be empty.
func ServerTLS(certFile, keyFile, clientCAFile string) (*tls.Config, error) {
	pair, err := loadKeyPair(certFile, keyFile)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{pair}}
	if clientCAFile != "" {
		if config.ClientCAs, err = authorities(clientCAFile); err != nil {
			return nil, err
		}
	}
	return config, nil
}

// ClientTLS returns the TLS configuration of a [Dialer] from PEM files. The files
// hold the authorities that sign the server's certificate, and the certificate and
// the key of the client. If caFile is empty, the authorities of the system are used.
// If certFile and keyFile are empty, the client has no certificate.
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
	pair, err := loadKeyPair(certFile, keyFile)
	if err != nil {
		return nil, err
	}
	config.Certificates = []tls.Certificate{pair}
	return config, nil
}

func loadKeyPair(certFile, keyFile string) (tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return pair, fmt.Errorf("certificate %s, key %s: %w", certFile, keyFile, err)
	}
	return pair, nil
}

func authorities(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("authorities: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("authorities: %s: no certificate in PEM form", file)
	}
	return pool, nil
}
