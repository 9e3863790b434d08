package foreign

import (
	"context"
	"errors"
	"fmt"
	"reflect"
)

// A Shielder shields errors for one package.
type Shielder struct {
	// Own returns what an error of a type of the package wraps, and false if it is of
	// another type. Its own methods are trusted. To ask for the text of an error that
	// has come through a thousand levels, at each of them, would take minutes.
	Own func(err error) (causes []error, ok bool)
	// Failed makes an error of how a method ended that did not return.
	Failed func(f *Failure) error
}

// Shield returns err, or a [Shielded] in its place if a method of err, or of an
// error that it wraps, panics or calls runtime.Goexit.
//
// Only the methods that errors.Is, errors.As and the text of an error need are
// called. An error may still misbehave in others, and one that changes may begin to
// later.
func (s *Shielder) Shield(err error) error {
	failure := s.check(err)
	if failure == nil {
		return err
	}
	text := ""
	if Call(func() { text = err.Error() }) != nil {
		text = fmt.Sprintf("error of type %s, whose methods do not return: %v", Type(err), failure)
	}
	return &Shielded{err: err, text: text, failure: s.Failed(failure)}
}

// check returns how a method ended that did not return, or nil if all did.
func (s *Shielder) check(err error) *Failure {
	if err == nil || ordinary(err) {
		return nil
	}
	causes, own := s.Own(err)
	if !own {
		return Call(func() {
			_ = err.Error()
			touch(err)
		})
	}
	for _, cause := range causes {
		if failure := s.check(cause); failure != nil {
			return failure
		}
	}
	return nil
}

var (
	errorString      = reflect.TypeOf(context.Canceled)
	deadlineExceeded = reflect.TypeOf(context.DeadlineExceeded)
	wrapError        = reflect.TypeOf(fmt.Errorf("%w", context.Canceled))
)

// ordinary reports that an error is of the types of the standard library that most
// are of. Each exit needs to know, so it is cheap.
func ordinary(err error) bool {
	for err != nil {
		switch reflect.TypeOf(err) {
		case errorString, deadlineExceeded:
			return true
		case wrapError:
			err = errors.Unwrap(err)
		default:
			_, is := err.(*Shielded)
			return is
		}
	}
	return true
}

// touch calls the methods of an error, and of those that it wraps, that errors.Is
// and errors.As call.
func touch(err error) {
	if err == nil {
		return
	}
	if e, ok := err.(interface{ Is(error) bool }); ok {
		e.Is(errTouched)
	}
	if e, ok := err.(interface{ As(any) bool }); ok {
		var none *Shielded
		e.As(&none)
	}
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		touch(e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, below := range e.Unwrap() {
			touch(below)
		}
	}
}

var errTouched = errors.New("an error that nothing is")

// A Shielded error stands for one whose methods do not return. It wraps what they
// did instead; errors.Is and errors.As find the error itself, and what that wraps as
// far as its methods allow.
type Shielded struct {
	err     error
	text    string
	failure error
}

func (e *Shielded) Error() string { return e.text }
func (e *Shielded) Unwrap() error { return e.failure }

func (e *Shielded) Is(target error) (is bool) {
	Call(func() { is = errors.Is(e.err, target) })
	return is
}

func (e *Shielded) As(target any) (is bool) {
	Call(func() { is = errors.As(e.err, target) })
	return is
}
