package debug

import (
	"bytes"
	"net/http"

	"github.com/espalier-go/espalier/sup/flight"
)

// serveRecord serves the flight record as a file.
func (h *handler) serveRecord(w http.ResponseWriter, r *http.Request) {
	var file bytes.Buffer // so that an error is no half of a record
	if err := flight.Dump(r.Context(), &file, h.tree, query(r, "path")); err != nil {
		refuse(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/jsonl")
	w.Header().Set("Content-Disposition", `attachment; filename="record.jsonl"`)
	write(w, http.StatusOK, file.Bytes())
}
