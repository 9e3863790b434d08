package debug

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/espalier-go/espalier/internal/termtext"
	"github.com/espalier-go/espalier/sup"
)

// answer answers with a value as JSON.
func answer(w http.ResponseWriter, status int, v any) {
	var b []byte
	var err error
	if panicked := catchPanic(func() { b, err = json.Marshal(v) }); panicked != nil {
		err = panicked
	}
	if err != nil {
		answerError(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	write(w, status, append(termtext.JSON(b), '\n'))
}

func answerText(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	write(w, http.StatusOK, []byte(termtext.Text(text)))
}

// answerError answers with the text of an error and its status.
func answerError(w http.ResponseWriter, err error) {
	fail(w, statusOf(err), fmt.Sprint(err)) // Sprint survives an Error method that panics
}

// fail answers with a status and a text that says what is wrong.
func fail(w http.ResponseWriter, status int, text string) {
	http.Error(w, termtext.Text(text), status)
}

// write writes an answer as a whole.
func write(w http.ResponseWriter, status int, b []byte) {
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(status)
	_, _ = w.Write(b) // an error means that the client is gone
}

// statusOf returns the HTTP status for an error of an inspector or a controller.
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
		{sup.ErrStopped, http.StatusConflict},
		{sup.ErrStart, http.StatusUnprocessableEntity},
		{sup.ErrIgnore, http.StatusUnprocessableEntity},
		{errAnswerTimeout, http.StatusGatewayTimeout},
		{context.DeadlineExceeded, http.StatusGatewayTimeout},
	} {
		if errors.Is(err, s.err) {
			return s.status
		}
	}
	return http.StatusInternalServerError
}

// catchPanic calls f, which may call code of the program: methods of an error or a
// value, an inspector, a controller. It returns a panic of f as an error.
func catchPanic(f func()) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic in code of the program: %v", v)
		}
	}()
	f()
	return nil
}

// exitText returns the text of an exit's error. Its Error method may panic.
func exitText(exit sup.Exit) string {
	if exit.Err == nil {
		return ""
	}
	var text string
	if catchPanic(func() { _, text, _ = strings.Cut(exit.String(), ": ") }) != nil {
		return fmt.Sprintf("%T, whose Error method panicked", exit.Err)
	}
	return clip(termtext.Text(text), maxError)
}

// Maximum sizes of texts for the page, in bytes.
const (
	maxError = 4 << 10
	maxStack = 16 << 10
	maxValue = 1 << 10
)

// clip truncates a text to a size in bytes.
func clip(text string, size int) string {
	if len(text) <= size {
		return text
	}
	return strings.ToValidUTF8(text[:size], "") + " …"
}
