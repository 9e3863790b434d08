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

// A Role says what a client may do. The zero Role may do nothing.
type Role uint8

const (
	_ Role = iota
	// Viewer may look: all that [sup.Inspector] offers.
	Viewer
	// Operator may do everything: all that [sup.Controller] offers.
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

// A Grant gives a role to some clients. Make one with [User], [Group],
// [Certificate], [Token], [Tokens] or [Anyone]. Who is covered by several has
// the highest of their roles; who is covered by none is turned away.
type Grant struct {
	kind    grantKind
	role    Role // the highest that it gives
	problem string
	covers  func(p *peer) (who string, r Role)
}

type grantKind uint8

const (
	_ grantKind = iota
	byProcess
	byCertificate
	byToken
	byAnything
)

// User grants a role to the processes of a user of this machine, over a unix
// socket. The socket's mode has to let that user in, see [Config.Mode].
func User(uid uint32, r Role) Grant {
	return processGrant(r, func(p *process) bool { return p.uid == uid })
}

// Group grants a role to the processes whose primary group is this one, over a
// unix socket. The socket's mode has to let them in, see [Config.Mode].
func Group(gid uint32, r Role) Grant {
	return processGrant(r, func(p *process) bool { return p.gid == gid })
}

func processGrant(r Role, which func(p *process) bool) Grant {
	return Grant{kind: byProcess, role: r, covers: func(p *peer) (string, Role) {
		if p.process == nil || !which(p.process) {
			return "", 0
		}
		return p.process.String(), r
	}}
}

// Certificate grants a role to clients with a certificate that [Config.TLS]
// has verified, and which has this name: as a DNS name, an email address, a URI
// or, only where there is none of these, as the common name of its subject. The
// name "*" is that of all.
func Certificate(name string, r Role) Grant {
	g := Grant{kind: byCertificate, role: r, covers: func(p *peer) (string, Role) {
		if p.certificate == nil || time.Now().After(p.certificate.NotAfter) { // it may have expired since the connection was made
			return "", 0
		}
		names := certificateNames(p.certificate)
		if name != "*" && !slices.Contains(names, name) {
			return "", 0
		}
		return "certificate " + strings.Join(names, ", "), r
	}}
	if name == "" {
		g.problem = `Certificate: the name is empty: give one, or "*" for all`
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

// minToken is the shortest token, in bytes, that is accepted.
const minTokenLength = 16

// Token grants a role to clients that send this bearer token over TLS. The name
// stands for it in the log. A token has 16 bytes or more, of which as many as
// possible should be random. One that can be revoked is granted with [Tokens].
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
		g.problem = fmt.Sprintf("Token: that of %q has %d bytes: use %d or more", name, len(token), minTokenLength)
	case name == "":
		g.problem = "Token: the name is empty: it is what the log says"
	}
	return g
}

// Tokens grants roles to clients that send a bearer token over TLS: the
// function says whose a token is and with which role, 0 for none. It is asked
// for each request, and again at each heartbeat of a stream of events, so a
// token that it knows no longer is of no use at once. It should take the same
// time for all tokens that are wrong, and must be safe for concurrent use.
func Tokens(check func(token string) (name string, r Role)) Grant {
	g := Grant{kind: byToken, role: Operator, covers: func(p *peer) (string, Role) {
		if p.token == "" {
			return "", 0
		}
		name, r := check(p.token)
		return "token " + name, r
	}}
	if check == nil {
		g.problem = "Tokens: the function is nil"
	}
	return g
}

// Anyone grants a role to whoever reaches the server. Over TCP on a loopback
// interface that is every user and every program of this machine.
func Anyone(r Role) Grant {
	return Grant{kind: byAnything, role: r, covers: func(p *peer) (string, Role) {
		return anyonePrefix + p.addr, r
	}}
}

const anyonePrefix = "anyone at "

// A peer is who is at the other end of a connection, as far as that is proven.
type peer struct {
	addr        string
	process     *process          // over a unix socket
	certificate *x509.Certificate // verified
	token       string            // sent over TLS
}

// A process is the other end of a unix socket, as it was when it connected.
type process struct {
	uid, gid uint32
	pid      int32 // 0 where the system does not say
}

func (p *process) String() string {
	if p.pid == 0 {
		return fmt.Sprintf("uid %d", p.uid)
	}
	return fmt.Sprintf("uid %d, pid %d", p.uid, p.pid)
}

// access returns the highest role that some grants give to a peer, and who that
// is.
func access(grants []Grant, p *peer) (who string, highest Role) {
	for _, g := range grants {
		if name, r := g.covers(p); r > highest {
			who, highest = name, r
		}
	}
	return who, highest
}
