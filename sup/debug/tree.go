package debug

import (
	"bytes"
	"net/http"
	"slices"
	"strings"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/flight"
)

func (h *handler) serveTree(w http.ResponseWriter, r *http.Request) {
	if tree, ok := h.snapshot(w, r); ok {
		answer(w, http.StatusOK, tree)
	}
}

func (h *handler) serveText(w http.ResponseWriter, r *http.Request) {
	if tree, ok := h.snapshot(w, r); ok {
		answerText(w, oneLineIDs(tree).String())
	}
}

// snapshot returns a snapshot of what a request asks for, or answers with an error.
func (h *handler) snapshot(w http.ResponseWriter, r *http.Request) (tree sup.SupervisorInfo, ok bool) {
	tree, err := h.tree.Snapshot(r.Context(), query(r, "path"))
	if err != nil {
		answerError(w, err)
	}
	return tree, err == nil
}

// oneLineIDs returns a copy of a tree with escaped line ends in ids. The key of a
// Keyed may contain them, and could forge a line of the drawing.
func oneLineIDs(tree sup.SupervisorInfo) sup.SupervisorInfo {
	tree.Children = slices.Clone(tree.Children)
	for i := range tree.Children {
		c := &tree.Children[i]
		c.ID = strings.ReplaceAll(c.ID, "\n", `\n`)
		if c.Supervisor != nil {
			below := oneLineIDs(*c.Supervisor)
			c.Supervisor = &below
		}
	}
	return tree
}

func (h *handler) serveStacks(w http.ResponseWriter, r *http.Request) {
	stacks, err := h.tree.Stacks(r.Context(), query(r, "path"))
	if err != nil {
		answerError(w, err)
		return
	}
	answerText(w, stacks)
}

// serveRecord serves the flight record as a file.
func (h *handler) serveRecord(w http.ResponseWriter, r *http.Request) {
	var file bytes.Buffer // so that an error does not truncate the file
	if err := flight.Dump(r.Context(), &file, h.tree, query(r, "path")); err != nil {
		answerError(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/jsonl")
	w.Header().Set("Content-Disposition", `attachment; filename="record.jsonl"`)
	write(w, http.StatusOK, file.Bytes())
}

// query returns a value of the query of a request. [http.Request.FormValue] would
// read the body too.
func query(r *http.Request, name string) string { return r.URL.Query().Get(name) }
