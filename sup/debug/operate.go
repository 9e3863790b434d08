package debug

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// callTimeout is how long a request waits for an operator's call. It is shorter than the
// default shutdown timeout, which a worker that serves this page has too.
const callTimeout = 3 * time.Second

// errCallTimeout is the cause of the end of a call's context.
var errCallTimeout = errors.New("call still in progress")

// An operation is what a button sends.
type operation struct {
	Op          string `json:"op"` // a key of operations
	Path        string `json:"path"`
	Incarnation *int   `json:"incarnation"` // that the page showed; 0 if the child had none, and for the root
}

// operations are the operations by name. When ctx ends they return, and what they
// have begun continues.
var operations = map[string]func(ctx context.Context, c sup.Controller, t sup.Target) error{
	"restart":   restart,
	"terminate": func(ctx context.Context, c sup.Controller, t sup.Target) error { return c.TerminateChild(ctx, t) },
	"shutdown":  func(ctx context.Context, c sup.Controller, t sup.Target) error { return c.Shutdown(ctx, t) },
}

// restart starts a child that is at rest, and replaces one that runs. It continues
// when ctx ends, since the end of its context would cancel the start of a child at rest.
func restart(ctx context.Context, c sup.Controller, t sup.Target) error {
	done := make(chan error, 1)
	go func() {
		var err error
		if panicked := catchPanic(func() { err = c.Replace(context.WithoutCancel(ctx), t) }); panicked != nil {
			err = panicked // a panic in this goroutine would end the program
		}
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// serveOperate makes an operator's call.
func (h *handler) serveOperate(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", "POST")
		fail(w, http.StatusMethodNotAllowed, "operate: method "+clip(r.Method, maxName)+" not allowed (use POST)")
		return
	}
	release, ok := h.acquire(h.calls, w, r)
	if !ok {
		return
	}
	defer release()
	// The body is read first, so that the record of a denied call describes it.
	body, err := readBody(w, r)
	var o operation
	if err == nil {
		o, err = parseOperation(body)
	}
	if err := h.checkOrigin(r, samePage); err != nil {
		h.logDenied(r, "origin", append(o.attrs(), slog.String("err", logText(err.Error())))...)
		fail(w, http.StatusForbidden, "operate: request not sent by the page itself: "+err.Error())
		return
	}
	if err := h.callAuthorize(r); err != nil {
		h.logDenied(r, "authorize", append(o.attrs(), slog.String("err", logText(fmt.Sprint(err))))...)
		if _, is := errors.AsType[*panicError](err); is { // its text is for the log only
			fail(w, http.StatusInternalServerError, "operate: call denied: panic in authorize")
			return
		}
		fail(w, http.StatusForbidden, fmt.Sprint(err))
		return
	}
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/json" {
		fail(w, http.StatusUnsupportedMediaType, fmt.Sprintf("operate: content type %q (use application/json)", clip(kind, maxName)))
		return
	}
	if err != nil {
		fail(w, http.StatusBadRequest, "operate: "+err.Error())
		return
	}
	began := time.Now()
	err = h.call(r, o)
	h.logCall(r, o, time.Since(began), err)
	switch {
	case err == nil:
		answer(w, http.StatusOK, callResult{Done: true})
	case errors.Is(err, errCallTimeout):
		answer(w, http.StatusAccepted, callResult{Note: o.Path + ": " + o.Op + ": still in progress after " + callTimeout.String()})
	default:
		answerError(w, err)
	}
}

// callAuthorize calls authorize, and returns a panic of it as a [panicError].
func (h *handler) callAuthorize(r *http.Request) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &panicError{v}
		}
	}()
	request := *r
	request.Body = http.NoBody // the body was read before
	return h.authorize(&request)
}

// A panicError is a panic of authorize.
type panicError struct{ value any }

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

// call makes an operator's call. It returns errCallTimeout if the call takes longer
// than callTimeout.
func (h *handler) call(r *http.Request, o operation) (err error) {
	// The call continues if the operator closes the page.
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(r.Context()), callTimeout, errCallTimeout)
	defer cancel()
	target := sup.Target{Path: o.Path, Incarnation: *o.Incarnation}
	if panicked := catchPanic(func() { err = operations[o.Op](ctx, h.controller, target) }); panicked != nil {
		return panicked
	}
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil {
		return errCallTimeout
	}
	return err
}

func (h *handler) logCall(r *http.Request, o operation, took time.Duration, err error) {
	result := "done"
	switch {
	case errors.Is(err, errCallTimeout):
		result = "in progress"
	case err != nil:
		result = logText(fmt.Sprint(err))
	}
	attrs := append(o.attrs(), clientAttr(r), slog.Duration("took", took), slog.String("result", result))
	h.log(slog.LevelInfo, "operator call", attrs...)
}

// attrs returns the attributes of an operation for a record, or nil if the request
// could not be parsed.
func (o operation) attrs() []slog.Attr {
	if o.Op == "" && o.Path == "" {
		return nil
	}
	attrs := []slog.Attr{slog.String("op", logText(o.Op)), slog.String("path", logPath(o.Path))}
	if o.Incarnation != nil {
		attrs = append(attrs, slog.Int("incarnation", *o.Incarnation))
	}
	return attrs
}

// A callResult is the answer to a call that did not fail.
type callResult struct {
	Done bool   `json:"done"`
	Note string `json:"note,omitempty"`
}

const (
	// maxBody limits the size of a request, in bytes.
	maxBody = 64 << 10
	// bodyTimeout limits the time in which a request is sent.
	bodyTimeout = 10 * time.Second
)

// readBody reads the body of a request, with a limit and a deadline.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	control := http.NewResponseController(w)
	// A writer without deadlines, such as a recorder in a test, needs none.
	_ = control.SetReadDeadline(time.Now().Add(bodyTimeout))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		w.Header().Set("Connection", "close") // the rest stays unread
		return nil, fmt.Errorf("unreadable request: %w", err)
	}
	_ = control.SetReadDeadline(time.Time{})
	return body, nil
}

func parseOperation(body []byte) (operation, error) {
	var o operation
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&o); err != nil {
		return operation{}, fmt.Errorf("unreadable request: %w", err)
	}
	var faults []error
	if _, err := d.Token(); err != io.EOF {
		faults = append(faults, errors.New("data after the JSON object (send one object)"))
	}
	if operations[o.Op] == nil {
		faults = append(faults, fmt.Errorf("op %q (use restart, terminate or shutdown)", o.Op))
	}
	if o.Path == "" {
		faults = append(faults, errors.New("empty path (send the path of the child)"))
	}
	switch {
	case o.Incarnation == nil:
		faults = append(faults, errors.New("missing incarnation (send the one that was shown)"))
	case *o.Incarnation < 0:
		faults = append(faults, fmt.Errorf("incarnation %d (use 0 or more)", *o.Incarnation))
	}
	return o, errors.Join(faults...)
}
