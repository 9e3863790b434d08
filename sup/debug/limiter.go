package debug

import (
	"net"
	"net/http"
	"net/netip"
	"sync"
)

// How many requests are served at the same time, in total and for each peer. All
// clients behind one proxy are one peer.
const (
	maxStreams, maxPeerStreams = 64, 32
	maxAnswers, maxPeerAnswers = 16, 8 // each may hold a snapshot of the tree
	maxCalls, maxPeerCalls     = 16, 8
)

// A limiter limits how many requests of a kind are served at the same time.
type limiter struct {
	name         string
	max, maxPeer int

	mu     sync.Mutex
	served int            // guarded by mu
	peers  map[string]int // requests by peer, without zeros; guarded by mu
}

func newLimiter(name string, limit, peerLimit int) *limiter {
	return &limiter{name: name, max: limit, maxPeer: peerLimit, peers: make(map[string]int)}
}

// acquire counts a request of a peer. It returns false if there are too many.
func (l *limiter) acquire(peer string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.served == l.max || l.peers[peer] == l.maxPeer {
		return false
	}
	l.served++
	l.peers[peer]++
	return true
}

func (l *limiter) release(peer string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.served--
	if l.peers[peer]--; l.peers[peer] == 0 {
		delete(l.peers, peer)
	}
}

// peerOf identifies the machine that sent a request by its IPv4 address, or by the
// /64 network of its IPv6 address, since one machine may have all of those.
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
