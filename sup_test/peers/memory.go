package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
)

// population is the number of children in the memory rows.
const million = 1_000_000

// inhabitants are the kinds of children that -bytes can measure.
var inhabitants = map[string]func(entered *sync.WaitGroup) (alive any){
	"goroutine": func(entered *sync.WaitGroup) any {
		b := newBares()
		b.startAll(million, &idle{entered})
		return b
	},
	"keyed": func(entered *sync.WaitGroup) any {
		k := newKeyed(&idle{entered})
		startKeyed(k, 0, million)
		return k
	},
	"supervisor": func(entered *sync.WaitGroup) any {
		s := newSupervisor[*idle]()
		startChildren(s, idsTo(million), &idle{entered})
		return s
	},
	"suture": func(entered *sync.WaitGroup) any {
		s := newSutured()
		s.startAll(million, &idle{entered})
		return s
	},
}

// printBytes prints the memory of an idle child. It runs in a process of its
// own, because the runtime keeps the memory of dead goroutines for new ones.
func printBytes(name string) {
	inUse := func() uint64 {
		runtime.GC()
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return stats.HeapInuse + stats.StackInuse
	}
	var entered sync.WaitGroup
	entered.Add(million)
	before := inUse()
	alive := inhabitants[name](&entered)
	entered.Wait()
	fmt.Println(float64(inUse()-before) / million)
	runtime.KeepAlive(alive)
}

// measureBytes compares the bytes in use with a million idle children.
func measureBytes(r *report) {
	found := make(map[string]samples)
	const rounds = 2
	for round := range rounds {
		for name := range inhabitants {
			if name == "suture" && round > 0 { // suture takes long
				continue
			}
			found[name] = append(found[name], sample{round: round, bytes: bytesOf(name)})
		}
	}
	limit := found["goroutine"]
	for _, c := range []struct {
		name, text string
		target     float64
	}{{"keyed", "Keyed", 1.1}, {"supervisor", "Supervisor[W]", 0}} {
		one := row{
			What:   "bytes in use for an idle child of a " + c.text + ", 1M children",
			Ours:   size(found[c.name].median(bytes)),
			Limit:  "goroutine " + size(limit.median(bytes)),
			Ratio:  found[c.name].over(limit, bytes),
			Target: c.target,
		}
		if c.name == "keyed" {
			one.Peers[suturePeer] = times(found["suture"].over(limit, bytes).Median)
			if r.otp != nil {
				one.Peers[otpPeer] = times(r.otp.bytes(100_000) / limit.median(bytes))
			}
		}
		r.row(one)
	}
}

func bytesOf(name string) float64 {
	cmd := exec.Command(must(os.Executable()), "-bytes", name)
	cmd.Stderr = os.Stderr
	return must(strconv.ParseFloat(strings.TrimSpace(string(must(cmd.Output()))), 64))
}
