package store

import "fmt"

// Limits are the limits of a [Store].
type Limits struct {
	Key   int // bytes of a key
	Value int // bytes of a value
	Ops   int // operations, conditions and reads of a call together; 0 means no limit
}

// CheckKey returns an error that wraps [ErrArguments] or [ErrTooLarge] if a key is
// outside of the limits. Implementations of [Store] use it.
func (l Limits) CheckKey(key string) error {
	switch {
	case key == "":
		return fmt.Errorf("%w: the key is empty: use at least one byte", ErrArguments)
	case len(key) > l.Key:
		return fmt.Errorf("key %.40q…: %w: %d bytes, at most %d", key, ErrTooLarge, len(key), l.Key)
	}
	return nil
}

// Check returns an error that wraps [ErrArguments] or [ErrTooLarge] if a call with these
// transactions is outside of the limits, or writes a key twice. Implementations of
// [Store] use it.
func (l Limits) Check(txs ...Tx) error {
	total := 0
	for _, tx := range txs {
		total += len(tx.If) + len(tx.Do) + len(tx.Read)
		if err := l.checkTx(tx); err != nil {
			return err
		}
	}
	if l.Ops > 0 && total > l.Ops {
		return fmt.Errorf("%w: %d operations, conditions and reads in a call, at most %d", ErrTooLarge, total, l.Ops)
	}
	return checkTwice(txs)
}

func (l Limits) checkTx(tx Tx) error {
	for _, cond := range tx.If {
		if err := l.CheckKey(cond.Key); err != nil {
			return err
		}
	}
	for _, op := range tx.Do {
		if err := l.CheckKey(op.Key); err != nil {
			return err
		}
		if len(op.Value) > l.Value && !op.Delete {
			return fmt.Errorf("value of %q: %w: %d bytes, at most %d", op.Key, ErrTooLarge, len(op.Value), l.Value)
		}
	}
	for _, key := range tx.Read {
		if err := l.CheckKey(key); err != nil {
			return err
		}
	}
	return nil
}

// checkTwice reports a key that is written twice.
func checkTwice(txs []Tx) error {
	if len(txs) == 1 && len(txs[0].Do) < 2 {
		return nil
	}
	written := make(map[string]bool)
	for _, tx := range txs {
		for _, op := range tx.Do {
			if written[op.Key] {
				return fmt.Errorf("%w: the key %q is written twice: write each key once in a call", ErrArguments, op.Key)
			}
			written[op.Key] = true
		}
	}
	return nil
}
