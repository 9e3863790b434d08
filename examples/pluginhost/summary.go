package main

import (
	"fmt"
	"io"
	"slices"

	"github.com/espalier-go/espalier/examples/pluginhost/content"
)

// summarize prints a summary of a run.
func (s *service) summarize(out io.Writer, last status) {
	results := s.host.Results.Snapshot()
	fmt.Fprintf(out, "%d of %d files converted in %v, %d refused\n", len(results), s.host.Found.Len(), roundTime(last.took), len(refusals(results)))
	fmt.Fprintln(out, totals(results))
	fmt.Fprintf(out, "\n%v\n\n", last.summaryTable())
	fmt.Fprintf(out, "%d restarts; plugin processes: ", last.restarts())
	ends := s.ends.Snapshot()
	for i, why := range []endKind{endKilled, endExited, endUnanswered, endNotStarted} {
		if i > 0 {
			fmt.Fprint(out, ", ")
		}
		fmt.Fprintf(out, "%d %s", ends[why], why)
	}
	fmt.Fprintln(out)
	for _, q := range s.journal.quarantined() {
		times := ""
		if q.times > 1 {
			times = fmt.Sprintf(", %d times", q.times)
		}
		fmt.Fprintf(out, "%s was quarantined%s: %s\n", q.plugin, times, q.reason)
	}
	for _, path := range deadly(results) {
		fmt.Fprintf(out, "%s ends its plugin: %s\n", path, results[path].GetRefusal().GetReason())
	}
}

// totals returns the totals of the results, as one line.
func totals(results map[string]*content.Result) string {
	var words, declarations, pictures, entries int
	for _, r := range results {
		words += int(r.GetText().GetWords())
		declarations += len(r.GetOutline().GetDeclarations())
		entries += len(r.GetListing().GetEntries())
		if r.GetPicture() != nil {
			pictures++
		}
	}
	return fmt.Sprintf("%d words of text, %d Go declarations, %d thumbnails, %d archive entries", words, declarations, pictures, entries)
}

// refusals returns the paths of the refused files, sorted.
func refusals(results map[string]*content.Result) []string {
	var paths []string
	for path := range results {
		if results[path].GetRefusal() != nil {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	return paths
}

// deadly returns the paths of the refused files that end their plugin or its calls.
func deadly(results map[string]*content.Result) []string {
	return slices.DeleteFunc(refusals(results), func(path string) bool { return !results[path].GetRefusal().GetDeadly() })
}
