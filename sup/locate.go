package sup

import (
	"fmt"
	"strings"
)

// supervisor returns the current life of the supervisor at a path.
func (o operator) supervisor(op, path string) (*core, error) {
	root := o.base.current()
	if path == "" || path == root.path {
		return root, nil
	}
	c, err := o.child(op, path)
	if err != nil {
		return nil, err
	}
	life, is := c.nested()
	switch {
	case !is:
		return nil, &CallError{op, c.path(), ErrNoSupervisor}
	case life == nil:
		return nil, &CallError{op, c.path(), ErrNotRunning}
	}
	return life, nil
}

// child returns the child at a path.
func (o operator) child(op, path string) (*child, error) {
	life := o.base.current()
	rest, below := strings.CutPrefix(path, life.path+"/")
	if !below {
		err := fmt.Errorf("%w: paths begin with %s/", ErrNotFound, life.path)
		if path == "" || path == life.path {
			err = fmt.Errorf("%w: path of the supervisor itself, whose children are below %s/", ErrNotFound, life.path)
		}
		return nil, &CallError{op, path, err}
	}
	for {
		segment, further, more := strings.Cut(rest, "/")
		c := life.findText(unescapeID(segment))
		if c == nil {
			return nil, &CallError{op, joinPath(life.path, unescapeID(segment)), ErrNotFound}
		}
		if !more {
			return c, nil
		}
		next, is := c.nested()
		switch {
		case !is:
			return nil, &CallError{op, path, fmt.Errorf("%w: %s is a worker", ErrNotFound, c.path())}
		case next == nil:
			return nil, &CallError{op, path, fmt.Errorf("%w: %s is down", ErrNotFound, c.path())}
		}
		life, rest = next, further
	}
}

// findText returns the child whose id, as in unescaped paths, is given, or nil.
func (s *core) findText(id string) *child {
	if s.config.keys != nil {
		return s.config.keys.find(id)
	}
	return s.find(id)
}
