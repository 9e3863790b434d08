package sup

import (
	"context"
	"encoding"
	"fmt"
	"reflect"
	"strconv"

	"github.com/espalier-go/espalier/internal/foreign"
)

// A Controller is an [Inspector] that also carries out an operator's calls.
// They are those of the supervisors' own methods, reached by path and without
// their types; see there for what each does, and when it returns. For one in
// this process see [Control].
type Controller interface {
	Inspector
	// StartChild adds the child of a key to the [Keyed] at a path, and starts
	// it: [Keyed.Start]. The key is given as text, as it stands in the paths; a
	// key type that is no string, number or boolean has to have an
	// UnmarshalText method. Errors: [ErrNotKeyed], [ErrKey], and those of
	// [Keyed.Start].
	StartChild(ctx context.Context, path, key string) (ChildInfo, error)
	// Terminate stops a child and keeps it declared: [Supervisor.Terminate].
	Terminate(ctx context.Context, t Target) error
	// Restart starts a child that is at rest: [Supervisor.Restart].
	Restart(ctx context.Context, t Target) error
	// Delete removes a child that is at rest: [Supervisor.Delete].
	Delete(ctx context.Context, t Target) error
	// Shutdown ends the supervisor at a path, in order: the one that is
	// controlled for good ([Supervisor.Shutdown]), and one below it until an
	// operator restarts it, as Terminate does. [ErrNoSupervisor] if the child is
	// none.
	Shutdown(ctx context.Context, t Target) error
}

// A Target is the child that an operator's call is about.
type Target struct {
	// Path is that of the child.
	Path string
	// Incarnation, unless it is 0, is the one that the caller has seen. If the
	// child has had another one since, nothing is done: [ErrIncarnation].
	Incarnation int
}

// Control returns the controller of a supervisor in this process.
func Control(s AnySupervisor) Controller { return operator{faceOf(s)} }

func (o operator) StartChild(ctx context.Context, path, key string) (ChildInfo, error) {
	life, err := o.supervisor("start child", path)
	if err != nil {
		return ChildInfo{}, err
	}
	if life.decl.keys == nil {
		return ChildInfo{}, &CallError{"start child", joinPath(life.path, key), ErrNotKeyed}
	}
	return life.decl.keys.start(given(ctx), life, key)
}

func (o operator) Terminate(ctx context.Context, t Target) error {
	return o.call("terminate", t, func(c *child) error {
		return c.sup.terminate(ctx, c, t.Incarnation, false)
	})
}

func (o operator) Restart(ctx context.Context, t Target) error {
	return o.call("restart", t, func(c *child) error {
		return c.sup.restart(ctx, c, t.Incarnation)
	})
}

func (o operator) Delete(_ context.Context, t Target) error {
	return o.call("delete", t, func(c *child) error {
		return c.sup.delete(c, t.Incarnation)
	})
}

func (o operator) Shutdown(ctx context.Context, t Target) error {
	if t.Path == "" || t.Path == o.face.current().path {
		return o.face.Shutdown(ctx)
	}
	return o.call("shut down", t, func(c *child) error {
		if _, is := c.nested(); !is {
			return ErrNoSupervisor
		}
		return c.sup.terminate(ctx, c, t.Incarnation, false)
	})
}

func (o operator) call(op string, t Target, f func(c *child) error) error {
	c, err := o.child(op, t.Path)
	if err != nil {
		return err
	}
	return callError(op, c.path(), f(c))
}

// keySet is what a [Keyed] offers to who knows its keys as text only.
type keySet struct {
	find  func(text string) *child
	start func(ctx context.Context, life *core, text string) (ChildInfo, error)
}

// keySet returns the set's functions for keys as text.
func (k *Keyed[K, W]) keySet() *keySet {
	return &keySet{
		find: func(text string) *child {
			if key, err := keyOf[K](text); err == nil && keyText(key) == text {
				return k.find(key)
			}
			members := k.members.Load()
			if members == nil {
				return nil
			}
			for _, m := range members.All() { // a key that cannot be read from its text
				if m.id() == text {
					return &m.child
				}
			}
			return nil
		},
		start: func(ctx context.Context, life *core, text string) (ChildInfo, error) {
			key, err := keyOf[K](text)
			if err != nil {
				return ChildInfo{}, &CallError{"start child", joinPath(life.path, text), err}
			}
			h, err := k.Start(ctx, key)
			if err != nil {
				return ChildInfo{}, err
			}
			info, _ := h.Info()
			return info, nil
		},
	}
}

// keyOf makes a key from its text.
func keyOf[K comparable](text string) (key K, err error) {
	if u, ok := any(&key).(encoding.TextUnmarshaler); ok {
		if failure := foreign.Call(func() { err = u.UnmarshalText([]byte(text)) }); failure != nil {
			err = failureOf(failure)
		}
		err = shield(err)
	} else {
		err = setText(reflect.ValueOf(&key).Elem(), text)
	}
	if err != nil {
		err = fmt.Errorf("%w: %w", errKeyText, err)
	}
	return key, err
}

// setText sets a value that is a string, a number or a boolean.
func setText(v reflect.Value, text string) (err error) {
	switch {
	case v.Kind() == reflect.String:
		v.SetString(text)
	case v.Kind() == reflect.Bool:
		var b bool
		b, err = strconv.ParseBool(text)
		v.SetBool(b)
	case v.CanInt():
		var n int64
		n, err = strconv.ParseInt(text, 10, v.Type().Bits())
		v.SetInt(n)
	case v.CanUint():
		var n uint64
		n, err = strconv.ParseUint(text, 10, v.Type().Bits())
		v.SetUint(n)
	case v.CanFloat():
		var n float64
		n, err = strconv.ParseFloat(text, v.Type().Bits())
		v.SetFloat(n)
	default:
		err = fmt.Errorf("a %v cannot be made from text, give it an UnmarshalText method", v.Type())
	}
	return err
}
