package gen

import (
	"encoding"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/mailbox"
)

// The functions in this file parse the values of options. They check the form only:
// package sup judges the values.

// none is the word that removes a default of the tree.
var none = map[string]any{"none": nil}

// parseDuration returns a parser of positive durations and some words.
func parseDuration(words map[string]any) func(string) (any, error) {
	return func(s string) (any, error) {
		if value, ok := words[s]; ok {
			return value, nil
		}
		return positive(s)
	}
}

// positive parses a duration above 0. Options have words for what sup says by 0 or by
// a negative duration.
func positive(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	switch {
	case err != nil:
		return 0, fmt.Errorf("%q is not a duration", s)
	case d < 0:
		return 0, fmt.Errorf("%q is negative", s)
	case d == 0:
		return 0, fmt.Errorf("%q is zero", s)
	case d == sup.Infinity:
		return 0, fmt.Errorf("%q is too long", s)
	}
	return d, nil
}

func parseIntensity(s string) (any, error) {
	if s == sup.Unlimited.String() {
		return sup.Unlimited, nil
	}
	count, within, ok := strings.Cut(s, "/")
	if !ok {
		return nil, fmt.Errorf("%q has no time", s)
	}
	n, err := parseWhole(strings.TrimSpace(count), "restarts")
	if err != nil {
		return nil, err
	}
	d, err := positive(strings.TrimSpace(within))
	return sup.Intensity{Restarts: n, Within: d}, err
}

func parseBudget(s string) (any, error) {
	if s == "none" {
		return nil, nil
	}
	return parseIntensity(s)
}

func parseBackoff(s string) (any, error) {
	if s == "none" {
		return nil, nil
	}
	from, to, bounded := strings.Cut(s, "..")
	var b sup.Backoff
	var err error
	if b.Min, err = positive(strings.TrimSpace(from)); err == nil && bounded {
		b.Max, err = positive(strings.TrimSpace(to))
	}
	return b, err
}

// parseNumber parses a number that Go has a literal for.
func parseNumber(s string) (any, error) {
	x, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
		return nil, fmt.Errorf("%q is not a number", s)
	}
	return x, nil
}

// parseFactor parses a number other than 0, which stands for the default in sup.
func parseFactor(s string) (any, error) {
	x, err := parseNumber(s)
	if x == 0.0 {
		return nil, fmt.Errorf("%q is zero", s)
	}
	return x, err
}

func parseWhole(s, what string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil {
		return 0, fmt.Errorf("%q is not a number of %s", s, what)
	}
	return int(n), nil
}

// parseCount returns a parser of numbers from 1.
func parseCount(what string) func(string) (any, error) {
	return func(s string) (any, error) {
		n, err := parseWhole(s, what)
		if err == nil && n == 0 {
			err = fmt.Errorf("%q is less than 1", s)
		}
		return n, err
	}
}

func parseCapacity(s string) (any, error) {
	if s == "unbounded" {
		return mailbox.Unbounded, nil
	}
	return parseCount("messages")(s)
}

// parseWord parses a value of an enumeration of sup.
func parseWord[E any, P interface {
	*E
	encoding.TextUnmarshaler
}](s string) (any, error) {
	var e E
	if err := P(&e).UnmarshalText([]byte(s)); err != nil {
		return nil, fmt.Errorf("%q is none of these", s)
	}
	return e, nil
}

func parseName(s string) (any, error) {
	if !utf8.ValidString(s) {
		return nil, fmt.Errorf("%q is not UTF-8", s)
	}
	for _, r := range s {
		if !strconv.IsPrint(r) {
			return nil, fmt.Errorf("%q has unprintable characters", s)
		}
	}
	return s, nil
}
