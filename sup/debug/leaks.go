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

// leakProfile returns the profile of goroutines that wait for what nothing can
// reach any more, or nil in a program that was built without it
// (GOEXPERIMENT=goroutineleakprofile, Go 1.26).
func leakProfile() *pprof.Profile { return pprof.Lookup("goroutineleak") }

// A leak is a number of goroutines that hang at the same place.
type leak struct {
	Path        string `json:"path"` // "" where the goroutines have no labels
	Incarnation int    `json:"incarnation,omitempty"`
	Count       int    `json:"count"`
	Stack       string `json:"stack"`
}

type leakReport struct {
	Leaks      []leak `json:"leaks"`
	Unlabelled int    `json:"unlabelled"` // leaked goroutines of whom is not known
}

// serveLeaks looks for leaked goroutines, which takes a garbage collection.
func (h *handler) serveLeaks(w http.ResponseWriter, r *http.Request) {
	if !h.leaks {
		fail(w, http.StatusNotImplemented, "debug: leaked goroutines are found only in a program built with GOEXPERIMENT=goroutineleakprofile, "+
			"and in its own tree")
		return
	}
	select {
	case h.searching <- struct{}{}:
		defer func() { <-h.searching }()
	case <-r.Context().Done():
		return
	}
	var profile bytes.Buffer
	if err := leakProfile().WriteTo(&profile, 1); err != nil {
		fail(w, http.StatusInternalServerError, "debug: "+err.Error())
		return
	}
	path := query(r, "path")
	report := leakReport{Leaks: []leak{}}
	for _, l := range leaksIn(profile.String()) {
		switch {
		case l.Path == "":
			report.Unlabelled += l.Count
		case path == "" || l.Path == path || strings.HasPrefix(l.Path, path+"/"):
			report.Leaks = append(report.Leaks, l)
		}
	}
	answer(w, http.StatusOK, report)
}

// leaksIn reads a profile of goroutines in its text form: a paragraph for each
// stack, such as
//
//	2 @ 0x4846ce 0x48b5e1
//	# labels: {"sup.incarnation":"1", "sup.path":"shop/till"}
//	#	0x56353d	main.wait+0x1d	/src/main.go:10
func leaksIn(profile string) []leak {
	var leaks []leak
	for paragraph := range strings.SplitSeq(profile, "\n\n") {
		var l leak
		var stack strings.Builder
		for text := range strings.SplitSeq(paragraph, "\n") {
			if count, _, ok := strings.Cut(text, " @ "); ok {
				l.Count, _ = strconv.Atoi(count)
			} else if labels, ok := strings.CutPrefix(text, "# labels: "); ok {
				l.Path, l.Incarnation = labelled(labels)
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

// labelled returns the child and the incarnation that labels name.
func labelled(labels string) (path string, incarnation int) {
	var all map[string]string
	if json.Unmarshal([]byte(labels), &all) != nil {
		return "", 0
	}
	incarnation, _ = strconv.Atoi(all["sup.incarnation"])
	return all["sup.path"], incarnation
}
