package kv

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/espalier-go/espalier/internal/envelope"
	"github.com/espalier-go/espalier/store"
)

// DefaultMaxValue is the default of [StoredSpec].MaxValue.
const DefaultMaxValue = 256 << 10

// DefaultPrefix is the default of [StoredSpec].Prefix.
const DefaultPrefix = "espalier/default/"

// A Stored is a typed map in a [store.Store], so that it outlives the process. It has the
// methods of a [Context], with a context and an error, because a store may be slow or
// fail. All methods are safe for concurrent use.
//
// Guarantees:
//
//  1. Operations on one key are linearizable, and a Snapshot is of one revision. There
//     are no transactions over several keys.
//  2. A write that returned nil is durable, as far as the store is configured to be.
//  3. [Stored.Update] calls its function again until its condition holds, a thousand times
//     at most. Then it returns [ErrConflict].
//  4. An Update of unknown outcome is tried again in such a way that at most one attempt
//     takes effect. If others have changed the key meanwhile, so that it is not known
//     whether it has, the error wraps [store.ErrUnknown]. An Update of an absent key is
//     not tried again, because the key may be absent again later.
//  5. A Set of unknown outcome returns an error that wraps [store.ErrUnknown], and is not
//     tried again. With a [store.Fence] in its context it is settled and done again.
//  6. A watch yields every change, or after a compaction the state as it is then.
//  7. A [Mirror] never goes backwards.
//
// A Stored is a field of a declared tree, or is made by [NewStored]. The zero Stored has
// no store, and its methods return [ErrNoStore]. Values that cannot be decoded are a
// [CodecError], and are never dropped.
type Stored[K comparable, V any] struct {
	spec  StoredSpec[V]
	keys  keyCodec[K]
	root  string // prefix of the keys in the store
	fault error  // returned by all calls; nil if the declaration is sound
	made  bool
}

// A StoredSpec declares a [Stored]. Zero fields mean the documented defaults.
type StoredSpec[V any] struct {
	// Store keeps the values. It is required. The code that opened it closes it, when the
	// Stored is no longer used.
	Store store.Store
	// Name is the name of the Stored in the store. It is required. Two of one name in one
	// store have the same contents. It must not contain a slash.
	Name string
	// Codec encodes the values. The default is [JSON].
	Codec Codec[V]
	// MaxValue is the number of bytes that an encoded value may have. The default is
	// [DefaultMaxValue].
	MaxValue int
	// Fenced refuses writes whose context has no [store.Fence], with [ErrUnfenced].
	Fenced bool
	// Prefix is the prefix of all keys in the store. The default is [DefaultPrefix].
	Prefix string
}

// Errors of a [Stored], for errors.Is.
var (
	// ErrNoStore is returned by all methods of a Stored that was not declared.
	ErrNoStore = errors.New("no store")
	// ErrUnfenced is returned by writes to a fenced Stored whose context has no fence.
	ErrUnfenced = errors.New("write without a fence")
)

// NewStored returns the Stored of a spec. The error wraps [store.ErrArguments] and lists
// all faults of the spec.
func NewStored[K comparable, V any](spec StoredSpec[V]) (*Stored[K, V], error) {
	s := new(Stored[K, V])
	s.Declare(spec)
	if s.fault != nil {
		return nil, s.fault
	}
	return s, nil
}

// Declare makes s the Stored of a spec. The constructors of declared trees call it once,
// before anything else uses s. If the spec has faults, all methods return them, and the
// tree reports them when it starts.
func (s *Stored[K, V]) Declare(spec StoredSpec[V]) {
	var faults []string
	if s.made {
		faults = append(faults, "declared twice: declare each Stored once")
	}
	s.made = true
	if spec.Codec == nil {
		spec.Codec = JSON[V]()
	}
	if spec.MaxValue == 0 {
		spec.MaxValue = DefaultMaxValue
	}
	if spec.Prefix == "" {
		spec.Prefix = DefaultPrefix
	}
	keys, err := keysOf[K]()
	if err != nil {
		faults = append(faults, err.Error())
	}
	faults = append(faults, spec.faults()...)
	s.spec, s.keys, s.root = spec, keys, spec.Prefix+"kv/"+spec.Name+"/"
	if len(faults) > 0 {
		s.fault = fmt.Errorf("stored %q: %w: %s", spec.Name, store.ErrArguments, strings.Join(faults, "; "))
	}
}

func (spec StoredSpec[V]) faults() (faults []string) {
	if spec.Store == nil {
		faults = append(faults, "the store is nil: open one, for example with bolt.Open")
	}
	if spec.Name == "" || strings.Contains(spec.Name, "/") {
		faults = append(faults, fmt.Sprintf("the name is %q: use one without a slash", spec.Name))
	}
	limit := store.MaxValue
	if spec.Store != nil {
		limit = spec.Store.Limits().Value
	}
	if limit -= envelope.Overhead; spec.MaxValue < 0 || spec.MaxValue > limit {
		faults = append(faults, fmt.Sprintf("MaxValue is %d: use a number of bytes up to %d", spec.MaxValue, limit))
	}
	return faults
}

// Fault returns the faults of the declaration, or nil. Trees call it.
func (s *Stored[K, V]) Fault() error {
	if !s.made {
		return fmt.Errorf("stored: %w: declare it with a store", ErrNoStore)
	}
	return s.fault
}

// Place returns the store and the prefix of the keys in it. Trees call it to find two
// Stored that have the same place.
func (s *Stored[K, V]) Place() (store.Store, string) { return s.spec.Store, s.root }

// Name returns the name of the Stored.
func (s *Stored[K, V]) Name() string { return s.spec.Name }

// callError adds the call, the name and the key to an error.
func (s *Stored[K, V]) callError(call string, key any, err error) error {
	if _, ok := err.(*CodecError); ok {
		return fmt.Errorf("%s: %w", call, err)
	}
	if key == nil {
		return fmt.Errorf("%s of %s: %w", call, s.spec.Name, err)
	}
	return fmt.Errorf("%s of %s in %s: %w", call, keyText(key), s.spec.Name, err)
}

// keyOf returns the key in the store for a key.
func (s *Stored[K, V]) keyOf(key K) (string, error) {
	if err := s.Fault(); err != nil {
		return "", err
	}
	if !selfEqual(key) {
		return "", ErrKey
	}
	text, err := s.keys.encode(key)
	if err != nil {
		return "", &CodecError{s.spec.Name, text, fmt.Errorf("key without a text: %w", err)}
	}
	return s.root + text, nil
}

// decode returns the value of an entry and the stamp of the call that wrote it.
func (s *Stored[K, V]) decode(e store.Entry) (value V, stamp uint64, err error) {
	stamp, data, err := envelope.Open(e.Value)
	if err == nil {
		value, err = s.spec.Codec.Decode(data)
	}
	if err != nil {
		return value, stamp, &CodecError{s.spec.Name, strings.TrimPrefix(e.Key, s.root), err}
	}
	return value, stamp, nil
}

// decodeKey returns the key of an entry.
func (s *Stored[K, V]) decodeKey(e store.Entry) (K, error) {
	text := strings.TrimPrefix(e.Key, s.root)
	key, err := s.keys.decode(text)
	if err != nil {
		return key, &CodecError{s.spec.Name, text, fmt.Errorf("key: %w", err)}
	}
	return key, nil
}

// encode returns a value in its envelope.
func (s *Stored[K, V]) encode(key string, stamp uint64, value V) ([]byte, error) {
	data, err := s.spec.Codec.Encode(value)
	if err == nil && len(data) > s.spec.MaxValue {
		err = fmt.Errorf("%w: %d bytes, at most %d (MaxValue)", store.ErrTooLarge, len(data), s.spec.MaxValue)
	}
	if err != nil {
		return nil, &CodecError{s.spec.Name, strings.TrimPrefix(key, s.root), err}
	}
	return envelope.Seal(stamp, data), nil
}

// Get returns the value of key and whether key is present.
func (s *Stored[K, V]) Get(ctx context.Context, key K) (value V, ok bool, err error) {
	e, err := s.read(ctx, key)
	if err == nil && e.Modified != 0 {
		value, _, err = s.decode(e)
	}
	if err != nil {
		return value, false, s.callError("get", key, err)
	}
	return value, e.Modified != 0, nil
}

// read returns the entry of a key. With a fence in ctx, it is read as its owner.
func (s *Stored[K, V]) read(ctx context.Context, key K) (store.Entry, error) {
	at, err := s.keyOf(key)
	if err != nil {
		return store.Entry{}, err
	}
	if store.FenceOf(ctx) == nil {
		return s.spec.Store.Get(ctx, at)
	}
	r, err := s.commit(ctx, store.Tx{Read: []string{at}})
	if err != nil {
		return store.Entry{}, err
	}
	return r.Read[0], nil
}

// An Item is a key and its value.
type Item[K comparable, V any] struct {
	Key   K
	Value V
	Rev   store.Rev // of the last change
}

// All returns an iterator over the keys and values, in the order of the texts of the keys.
// They are of the revision at which the loop began. A value that cannot be decoded is
// yielded as a [CodecError], with its Key and Rev, and the loop goes on. Any other error
// ends it.
func (s *Stored[K, V]) All(ctx context.Context) iter.Seq2[Item[K, V], error] {
	return func(yield func(Item[K, V], error) bool) {
		entries, _, err := s.list(ctx)
		if err != nil {
			yield(Item[K, V]{}, s.callError("list", nil, err))
			return
		}
		for _, e := range entries {
			item := Item[K, V]{Rev: e.Modified}
			if item.Key, err = s.decodeKey(e); err == nil {
				item.Value, _, err = s.decode(e)
			}
			if !yield(item, err) {
				return
			}
		}
	}
}

func (s *Stored[K, V]) list(ctx context.Context) ([]store.Entry, store.Rev, error) {
	if err := s.Fault(); err != nil {
		return nil, 0, err
	}
	return s.spec.Store.List(ctx, s.root)
}

// Snapshot returns a copy of s as a map, which is never nil, and the revision of it. If a
// value cannot be decoded, the error is its [CodecError], and the map is nil. [Stored.All]
// yields the others.
func (s *Stored[K, V]) Snapshot(ctx context.Context) (map[K]V, store.Rev, error) {
	entries, rev, err := s.list(ctx)
	if err != nil {
		return nil, 0, s.callError("snapshot", nil, err)
	}
	m, err := s.decodeAll(entries)
	if err != nil {
		return nil, 0, s.callError("snapshot", nil, err)
	}
	return m, rev, nil
}

func (s *Stored[K, V]) decodeAll(entries []store.Entry) (map[K]V, error) {
	m := make(map[K]V, len(entries))
	for _, e := range entries {
		key, err := s.decodeKey(e)
		if err != nil {
			return nil, err
		}
		if m[key], _, err = s.decode(e); err != nil {
			return nil, err
		}
	}
	return m, nil
}
