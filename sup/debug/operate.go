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
	"strings"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// patience is how long an operator's call is waited for. It is less than the
// default time for stopping, which a worker that serves this page has too.
const patience = 3 * time.Second

// An order is what a button sends.
type order struct {
	Op          string `json:"op"` // see calls
	Path        string `json:"path"`
	Incarnation *int   `json:"incarnation"` // that the page showed; 0 of a child that had none, and of the top
}

// calls are the operations of an order. When their context ends they return, and
// what they have begun goes on.
var calls = map[string]func(ctx context.Context, c sup.Controller, t sup.Target) error{
	"restart":   restart,
	"terminate": func(ctx context.Context, c sup.Controller, t sup.Target) error { return c.TerminateChild(ctx, t) },
	"shutdown":  func(ctx context.Context, c sup.Controller, t sup.Target) error { return c.Shutdown(ctx, t) },
}

var (
	errTemporary = errors.New("debug: a temporary child cannot be restarted: it is dropped when it stops")
	// errOwn: the request is answered before the worker that serves it has
	// stopped, and who is to start it again would be gone.
	errOwn = errors.New("debug: this page is served from within what is to be restarted, and could not start it again")
)

// restart replaces a child, and sees that through when ctx has ended: who was
// told to stop is not to stay down because its answer was not waited for, and
// the end of the context of a start is the end of what it starts.
func restart(ctx context.Context, c sup.Controller, t sup.Target) error {
	done := make(chan error, 1)
	go func() {
		var err error
		if panicked := survive(func() { err = replace(context.WithoutCancel(ctx), c, t) }); panicked != nil {
			err = panicked // here it would end the program, and not only the request
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

// A replacer is a controller that stops a child and starts it again in one call,
// such as that of a tree which is reached over a network: a connection that is
// lost between two would leave the child stopped.
type replacer interface {
	Replace(ctx context.Context, t sup.Target) error
}

// replace starts a child that is at rest, and one that runs anew.
func replace(ctx context.Context, c sup.Controller, t sup.Target) error {
	child, err := c.Child(ctx, t.Path)
	switch {
	case err != nil:
		return err
	case child.State.AtRest(), child.State == sup.StateRestarting: // the latter is refused
		return c.RestartChild(ctx, t)
	case child.Restart == sup.Temporary:
		return errTemporary
	case t.Path == sup.Path(ctx), strings.HasPrefix(sup.Path(ctx), t.Path+"/"):
		return errOwn
	}
	if one, is := c.(replacer); is {
		return one.Replace(ctx, t)
	}
	if err := c.TerminateChild(ctx, t); err != nil {
		return err
	}
	return c.RestartChild(ctx, t)
}

// serveOperate carries out an operator's call.
func (h *handler) serveOperate(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", "POST")
		fail(w, http.StatusMethodNotAllowed, "debug: an operator's call is a POST")
		return
	}
	leave, ok := h.enter(h.calls, w, r)
	if !ok {
		return
	}
	defer leave()
	// The call is read first, so that the record of one that is denied says what it was.
	body, err := readBody(w, r)
	var o order
	if err == nil {
		o, err = readOrder(body)
	}
	if err := h.checkOrigin(r, samePage); err != nil {
		h.denied(r, "origin", append(o.attrs(), slog.String("err", logText(err.Error())))...)
		fail(w, http.StatusForbidden, "debug: an operator's call must come from the page itself: "+err.Error())
		return
	}
	if err := h.ask(r); err != nil {
		h.denied(r, "authorize", append(o.attrs(), slog.String("err", logText(fmt.Sprint(err))))...)
		if _, is := errors.AsType[*panicError](err); is { // what it says is for the log
			fail(w, http.StatusInternalServerError, "debug: authorize has panicked, and the call is refused")
			return
		}
		fail(w, http.StatusForbidden, fmt.Sprint(err))
		return
	}
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/json" {
		fail(w, http.StatusUnsupportedMediaType, "debug: an operator's call is sent as application/json")
		return
	}
	if err != nil {
		fail(w, http.StatusBadRequest, "debug: "+err.Error())
		return
	}
	began := time.Now()
	err = h.carryOut(r, o)
	h.report(r, o, time.Since(began), err)
	switch {
	case err == nil:
		answer(w, http.StatusOK, done{Done: true})
	case errors.Is(err, errPatience):
		answer(w, http.StatusAccepted, done{Note: o.Op + " " + o.Path + ": it takes longer than " + patience.String() + ", and goes on"})
	case errors.Is(err, errTemporary), errors.Is(err, errOwn):
		fail(w, http.StatusConflict, err.Error())
	default:
		refuse(w, err)
	}
}

// ask asks authorize, which is the program's own.
func (h *handler) ask(r *http.Request) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &panicError{v}
		}
	}()
	asked := *r
	asked.Body = http.NoBody // it has been read
	return h.authorize(&asked)
}

// A panicError is a panic of authorize.
type panicError struct{ value any }

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

// carryOut makes an operator's call. The error is errPatience if it takes longer than
// the page waits.
func (h *handler) carryOut(r *http.Request, o order) (err error) {
	// An operator that closes the page has not called off the call.
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(r.Context()), patience, errPatience)
	defer cancel()
	target := sup.Target{Path: o.Path, Incarnation: *o.Incarnation}
	if panicked := survive(func() { err = calls[o.Op](ctx, h.controller, target) }); panicked != nil {
		return panicked
	}
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil {
		return errPatience
	}
	return err
}

// report logs an operator's call.
func (h *handler) report(r *http.Request, o order, took time.Duration, err error) {
	result := "done"
	switch {
	case errors.Is(err, errPatience):
		result = "goes on"
	case err != nil:
		result = logText(fmt.Sprint(err))
	}
	attrs := append(o.attrs(), peerAttr(r), slog.Duration("took", took), slog.String("result", result))
	h.log(slog.LevelInfo, "operator's call", attrs...)
}

// errPatience is the cause of the end of a call's context.
var errPatience = errors.New("debug: not waited for any longer")

// done is the answer to a call that was not refused.
type done struct {
	Done bool   `json:"done"`
	Note string `json:"note,omitempty"`
}

// maxOrder bounds what is read of a request, in bytes.
const maxOrder = 64 << 10

// bodyTime is how long a request may take to be sent.
const bodyTime = 10 * time.Second

// readBody reads a request, which has one message.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	control := http.NewResponseController(w)
	// A writer without deadlines is one of a test, whose requests are in memory.
	_ = control.SetReadDeadline(time.Now().Add(bodyTime))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxOrder))
	if err != nil {
		w.Header().Set("Connection", "close") // the rest is not read
		return nil, fmt.Errorf("the call cannot be read: %w", err)
	}
	_ = control.SetReadDeadline(time.Time{})
	return body, nil
}

func readOrder(body []byte) (order, error) {
	var o order
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&o); err != nil {
		return order{}, fmt.Errorf("the call cannot be read: %w", err)
	}
	var faults []error
	if _, err := d.Token(); err != io.EOF {
		faults = append(faults, errors.New("something comes after the call: send one"))
	}
	if calls[o.Op] == nil {
		faults = append(faults, fmt.Errorf("op is %q: it is one of restart, terminate and shutdown", o.Op))
	}
	if o.Path == "" {
		faults = append(faults, errors.New("path is empty: give that of the child"))
	}
	switch {
	case o.Incarnation == nil:
		faults = append(faults, errors.New("incarnation is missing: give the one that was looked at"))
	case *o.Incarnation < 0:
		faults = append(faults, fmt.Errorf("incarnation is %d: they are counted from 1", *o.Incarnation))
	}
	return o, errors.Join(faults...)
}
