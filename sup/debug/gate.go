package debug

import (
	"net"
	"net/http"
	"net/netip"
	"sync"
)

// How many requests are served at the same time, in all and for each peer. All
// that come through one proxy are of one peer.
const (
	maxStreams, maxStreamsEach = 64, 32
	maxAnswers, maxAnswersEach = 16, 8 // each may hold a snapshot of the tree
	maxCalls, maxCallsEach     = 16, 8
)

// A gate bounds how many requests of a kind are served at the same time.
type gate struct {
	what      string
	all, each int

	mu     sync.Mutex
	served int            // guarded by mu
	peers  map[string]int // by peer, above 0; guarded by mu
}

func newGate(what string, all, each int) *gate {
	return &gate{what: what, all: all, each: each, peers: make(map[string]int)}
}

// enter counts a request of a peer, and reports false if there are too many.
func (g *gate) enter(peer string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.served == g.all || g.peers[peer] == g.each {
		return false
	}
	g.served++
	g.peers[peer]++
	return true
}

func (g *gate) leave(peer string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.served--
	if g.peers[peer]--; g.peers[peer] == 0 {
		delete(g.peers, peer)
	}
}

// peerOf names the machine that sends a request: its address, of which one machine
// may have a whole /64 in IPv6.
func peerOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr // a unix socket
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return host
	}
	if ip = ip.Unmap(); ip.Is6() {
		network, err := ip.Prefix(64)
		if err == nil {
			return network.String()
		}
	}
	return ip.String()
}
