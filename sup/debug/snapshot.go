package debug

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/espalier-go/espalier/internal/termtext"
	"github.com/espalier-go/espalier/sup"
)

func (h *handler) serveTree(w http.ResponseWriter, r *http.Request) {
	tree, err := h.tree.Snapshot(r.Context(), query(r, "path"))
	if err != nil {
		refuse(w, err)
		return
	}
	answer(w, http.StatusOK, tree)
}

func (h *handler) serveText(w http.ResponseWriter, r *http.Request) {
	tree, err := h.tree.Snapshot(r.Context(), query(r, "path"))
	if err != nil {
		refuse(w, err)
		return
	}
	serveText(w, oneLineIDs(tree).String())
}

// oneLineIDs returns a copy of a tree in which no id has a line end, as the key of a
// set may: a line of the drawing could be made up.
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

// query returns a value of the query of a request. [http.Request.FormValue] would read
// a body besides.
func query(r *http.Request, name string) string { return r.URL.Query().Get(name) }

// survive calls what may call methods of the worker's errors, of values of a
// context, or of a controller that is the program's own, which may panic.
func survive(f func()) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("debug: a method of the program's own: panic: %v", v)
		}
	}()
	f()
	return nil
}

func (h *handler) serveStacks(w http.ResponseWriter, r *http.Request) {
	stacks, err := h.tree.Stacks(r.Context(), query(r, "path"))
	if err != nil {
		refuse(w, err)
		return
	}
	serveText(w, stacks)
}

func serveText(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	write(w, http.StatusOK, []byte(termtext.Text(text)))
}

// answer writes a value as JSON.
func answer(w http.ResponseWriter, status int, v any) {
	var b []byte
	var err error
	if panicked := survive(func() { b, err = json.Marshal(v) }); panicked != nil {
		refuse(w, panicked)
		return
	}
	if err != nil {
		fail(w, http.StatusInternalServerError, "debug: "+err.Error())
		return
	}
	w.Header().Set("Content-Type", "application/json")
	write(w, status, append(termtext.JSON(b), '\n'))
}

// write writes an answer as a whole.
func write(w http.ResponseWriter, status int, b []byte) {
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(status)
	_, _ = w.Write(b) // a client that has gone needs no answer
}

// fail answers with a text that says what is wrong.
func fail(w http.ResponseWriter, status int, text string) {
	http.Error(w, termtext.Text(text), status)
}

// refuse answers with an error as text.
func refuse(w http.ResponseWriter, err error) {
	fail(w, statusOf(err), fmt.Sprint(err)) // survives a method that panics
}

// statusOf is the status of HTTP that says what an error of a call does.
func statusOf(err error) int {
	for _, s := range []struct {
		err    error
		status int
	}{
		{sup.ErrNotFound, http.StatusNotFound},
		{sup.ErrNoSupervisor, http.StatusBadRequest},
		{sup.ErrIncarnation, http.StatusConflict},
		{sup.ErrRunning, http.StatusConflict},
		{sup.ErrRestarting, http.StatusConflict},
		{sup.ErrNotRunning, http.StatusConflict},
		{sup.ErrStuck, http.StatusConflict},
		{sup.ErrStart, http.StatusUnprocessableEntity},
		{sup.ErrIgnore, http.StatusUnprocessableEntity},
		{errAnswerTime, http.StatusGatewayTimeout},
		{context.DeadlineExceeded, http.StatusGatewayTimeout},
	} {
		if errors.Is(err, s.err) {
			return s.status
		}
	}
	return http.StatusInternalServerError
}

// textOf is the text of an exit's error. The method that makes it is the
// worker's, and may do what it likes.
func textOf(exit sup.Exit) string {
	if exit.Err == nil {
		return ""
	}
	var text string
	if survive(func() { text = exit.String()[len(exit.Kind.String()+": "):] }) != nil {
		return fmt.Sprintf("%T, whose Error method panicked", exit.Err)
	}
	return clip(termtext.Text(text), maxError)
}

// How much of a text the page is sent, in bytes.
const (
	maxError = 4 << 10
	maxStack = 16 << 10
	maxValue = 1 << 10
)

func clip(text string, size int) string {
	if len(text) <= size {
		return text
	}
	return strings.ToValidUTF8(text[:size], "") + " …"
}
