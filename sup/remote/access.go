package remote

import (
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Role is the set of calls that a client may make. The zero Role permits none.
type Role uint8

const (
	_ Role = iota
	// Viewer may make the calls of [sup.Inspector].
	Viewer
	// Operator may make the calls of [sup.Controller].
	Operator
)

// String returns "nobody", "viewer" or "operator".
func (r Role) String() string {
	switch r {
	case 0:
		return "nobody"
	case Viewer:
		return "viewer"
	case Operator:
		return "operator"
	}
	return fmt.Sprintf("remote.Role(%d)", uint8(r))
}

// A Grant gives a role to a group of clients. Grants are created by [User],
// [Group], [Certificate], [Token], [Tokens] and [Anyone]. A client with several
// grants has the highest of their roles. A client without a grant is rejected.
type Grant struct {
	kind    grantKind
	role    Role // the highest that covers returns
	problem string
	covers  func(p *peer) (name string, r Role)
}

type grantKind uint8

const (
	_ grantKind = iota
	byProcess
	byCertificate
	byToken
	byAnything
)

// User grants a role to all processes of a user of this machine, over a unix
// socket. [Config.Mode] must permit that user to connect.
func User(uid uint32, r Role) Grant {
	return processGrant(r, func(p *process) bool { return p.uid == uid })
}

// Group grants a role to all processes with this primary group, over a unix
// socket. [Config.Mode] must permit them to connect.
func Group(gid uint32, r Role) Grant {
	return processGrant(r, func(p *process) bool { return p.gid == gid })
}

func processGrant(r Role, match func(p *process) bool) Grant {
	return Grant{kind: byProcess, role: r, covers: func(p *peer) (string, Role) {
		if p.process == nil || !match(p.process) {
			return "", 0
		}
		return p.process.String(), r
	}}
}

// Certificate grants a role to clients whose certificate has the given name and
// was verified by [Config.TLS]. The name is compared with the DNS names, email
// addresses and URIs of the certificate, and with the common name of its subject
// if it has none of these. The name "*" matches every verified certificate.
func Certificate(name string, r Role) Grant {
	g := Grant{kind: byCertificate, role: r, covers: func(p *peer) (string, Role) {
		// The certificate may have expired since the handshake.
		if p.certificate == nil || time.Now().After(p.certificate.NotAfter) {
			return "", 0
		}
		names := certificateNames(p.certificate)
		if name != "*" && !slices.Contains(names, name) {
			return "", 0
		}
		return "certificate " + strings.Join(names, ", "), r
	}}
	if name == "" {
		g.problem = `Certificate has an empty name: use "*" for all certificates`
	}
	return g
}

func certificateNames(c *x509.Certificate) []string {
	names := slices.Concat(c.DNSNames, c.EmailAddresses)
	for _, uri := range c.URIs {
		names = append(names, uri.String())
	}
	if len(names) == 0 && c.Subject.CommonName != "" {
		names = append(names, c.Subject.CommonName)
	}
	return names
}

// minTokenLength is the minimum length of a token in bytes.
const minTokenLength = 16

// Token grants a role to clients that send this bearer token over TLS. The token
// must have at least 16 bytes and should be random. The name identifies the token
// in the log. To revoke tokens at run time, use [Tokens].
func Token(token, name string, r Role) Grant {
	want := sha256.Sum256([]byte(token))
	g := Tokens(func(given string) (string, Role) {
		got := sha256.Sum256([]byte(given))
		if subtle.ConstantTimeCompare(got[:], want[:]) == 1 {
			return name, r
		}
		return "", 0
	})
	g.role = r
	switch {
	case len(token) < minTokenLength:
		g.problem = fmt.Sprintf("Token %q has %d bytes: use at least %d", name, len(token), minTokenLength)
	case name == "":
		g.problem = "Token has an empty name: the log needs one"
	}
	return g
}

// Tokens grants roles to clients that send a bearer token over TLS. The function
// check returns the name of the token's owner and the role, or 0 for an unknown
// token. It is called for each request and at each heartbeat of an event stream,
// so a revoked token stops working at once. It should take the same time for all
// unknown tokens, and must be safe for concurrent use.
func Tokens(check func(token string) (name string, r Role)) Grant {
	g := Grant{kind: byToken, role: Operator, covers: func(p *peer) (string, Role) {
		if p.token == "" {
			return "", 0
		}
		name, r := check(p.token)
		return "token " + name, r
	}}
	if check == nil {
		g.problem = "Tokens has a nil function"
	}
	return g
}

// Anyone grants a role to every client that can connect. Over loopback TCP, that
// is every user and every program of this machine.
func Anyone(r Role) Grant {
	return Grant{kind: byAnything, role: r, covers: func(p *peer) (string, Role) {
		return anyonePrefix + p.addr, r
	}}
}

const anyonePrefix = "anyone at "

// A peer holds what is proven about the other end of a connection.
type peer struct {
	addr        string
	process     *process          // nil unless the connection is a unix socket
	certificate *x509.Certificate // nil unless verified
	token       string            // "" unless sent over TLS
}

// A process is the other end of a unix socket at the time it connected.
type process struct {
	uid, gid uint32
	pid      int32 // 0 if the system does not provide it
}

func (p *process) String() string {
	if p.pid == 0 {
		return fmt.Sprintf("uid %d", p.uid)
	}
	return fmt.Sprintf("uid %d, pid %d", p.uid, p.pid)
}

// access returns the highest role that the grants give to a peer, and the name of
// the peer for the log.
func access(grants []Grant, p *peer) (name string, highest Role) {
	for _, g := range grants {
		if n, r := g.covers(p); r > highest {
			name, highest = n, r
		}
	}
	return name, highest
}
