package debug

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/espalier-go/espalier/sup"
)

func (h *handler) serveTree(w http.ResponseWriter, r *http.Request) {
	tree, err := h.tree.Tree(r.Context(), r.FormValue("path"))
	if err != nil {
		refuse(w, err)
		return
	}
	var b []byte
	if err := survive(func() { b, err = json.Marshal(tree) }); err != nil {
		refuse(w, err)
		return
	}
	answer(w, http.StatusOK, json.RawMessage(b))
}

func (h *handler) serveText(w http.ResponseWriter, r *http.Request) {
	tree, err := h.tree.Tree(r.Context(), r.FormValue("path"))
	if err != nil {
		refuse(w, err)
		return
	}
	serveText(w, tree.String())
}

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
	stacks, err := h.tree.Stacks(r.Context(), r.FormValue("path"))
	if err != nil {
		refuse(w, err)
		return
	}
	serveText(w, stacks)
}

func serveText(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	io.WriteString(w, text)
}

// answer writes a value as JSON.
func answer(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "debug: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(append(b, '\n'))
}

// refuse answers with an error as text.
func refuse(w http.ResponseWriter, err error) {
	http.Error(w, err.Error(), statusOf(err))
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
	return clip(text, maxError)
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
