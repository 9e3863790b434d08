package debug

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"runtime/pprof"
	"strconv"
	"strings"
)

// leakProfile returns the profile of goroutines that are blocked forever. It is nil
// unless the program was built with GOEXPERIMENT=goroutineleakprofile (Go 1.26).
func leakProfile() *pprof.Profile { return pprof.Lookup("goroutineleak") }

// A leak is a number of leaked goroutines with the same stack.
type leak struct {
	Path        string `json:"path"` // of the child; "" if the goroutines have no labels
	Incarnation int    `json:"incarnation,omitempty"`
	Count       int    `json:"count"`
	Stack       string `json:"stack"`
}

type leakReport struct {
	Leaks      []leak `json:"leaks"`
	Unlabelled int    `json:"unlabelled"` // leaked goroutines of unknown children
}

// serveLeaks searches for leaked goroutines. Each search takes a garbage collection,
// so there is one at a time.
func (h *handler) serveLeaks(w http.ResponseWriter, r *http.Request) {
	if !h.findsLeaks {
		fail(w, http.StatusNotImplemented, "leaks: not available (they are found in a tree of the same program, built with GOEXPERIMENT=goroutineleakprofile)")
		return
	}
	select {
	case h.leakSearch <- struct{}{}:
		defer func() { <-h.leakSearch }()
	case <-r.Context().Done():
		return
	}
	var profile bytes.Buffer
	if err := leakProfile().WriteTo(&profile, 1); err != nil {
		fail(w, http.StatusInternalServerError, "leaks: "+err.Error())
		return
	}
	path := query(r, "path")
	report := leakReport{Leaks: []leak{}}
	for _, l := range parseLeaks(profile.String()) {
		switch {
		case l.Path == "":
			report.Unlabelled += l.Count
		case path == "" || l.Path == path || strings.HasPrefix(l.Path, path+"/"):
			report.Leaks = append(report.Leaks, l)
		}
	}
	answer(w, http.StatusOK, report)
}

// parseLeaks parses a goroutine profile in its text form, which has a paragraph for
// each stack:
//
//	2 @ 0x4846ce 0x48b5e1
//	# labels: {"sup.incarnation":"1", "sup.path":"shop/till"}
//	#	0x56353d	main.wait+0x1d	/src/main.go:10
func parseLeaks(profile string) []leak {
	var leaks []leak
	for paragraph := range strings.SplitSeq(profile, "\n\n") {
		var l leak
		var stack strings.Builder
		for text := range strings.SplitSeq(paragraph, "\n") {
			if count, _, ok := strings.Cut(text, " @ "); ok {
				l.Count, _ = strconv.Atoi(count)
			} else if labels, ok := strings.CutPrefix(text, "# labels: "); ok {
				l.Path, l.Incarnation = parseLabels(labels)
			} else if frame, ok := strings.CutPrefix(text, "#\t"); ok {
				if fields := strings.Split(frame, "\t"); len(fields) >= 3 {
					fmt.Fprintf(&stack, "%s\n\t%s\n", strings.TrimSpace(fields[1]), fields[len(fields)-1])
				}
			}
		}
		if l.Stack = clip(stack.String(), maxStack); l.Count > 0 {
			leaks = append(leaks, l)
		}
	}
	return leaks
}

// parseLabels returns the child and the incarnation in the labels of a goroutine, or
// zero values if they have none.
func parseLabels(labels string) (path string, incarnation int) {
	var all map[string]string
	if json.Unmarshal([]byte(labels), &all) != nil {
		return "", 0
	}
	incarnation, _ = strconv.Atoi(all["sup.incarnation"])
	return all["sup.path"], incarnation
}
