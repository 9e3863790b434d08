package replay

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"unicode"

	"github.com/espalier-go/espalier/sup"
)

// A scenario says how a worker ends in one word: normal, shutdown, panic, goexit,
// canceled, or else the text of an error.

// howExited returns the word for an exit.
func howExited(exit sup.Exit) string {
	switch exit.Kind {
	case sup.ExitNormal:
		return "normal"
	case sup.ExitShutdown:
		return "shutdown"
	}
	if _, ok := errors.AsType[*sup.PanicError](exit.Err); ok || hasText(exit.Err, "panic: ") {
		return "panic"
	}
	switch {
	case wraps(exit.Err, sup.ErrGoexit):
		return "goexit"
	case wraps(exit.Err, context.Canceled):
		return "canceled"
	}
	return slug(fmt.Sprint(exit.Err))
}

// errScripted is the error of a worker whose scenario gives no text.
var errScripted = errors.New("told to fail")

// misbehave ends the function of a worker as a word says.
func misbehave(how string) error {
	switch how {
	case "normal":
		return nil
	case "shutdown":
		return sup.ErrShutdown
	case "canceled":
		return context.Canceled
	case "panic":
		panic(errScripted)
	case "goexit":
		runtime.Goexit()
	case "error", "start":
		return errScripted
	}
	return errors.New(how)
}

// wraps reports whether an error wraps another one. An error of a record is only a
// text, which must contain that of the other error.
func wraps(err, target error) bool {
	return err != nil && (errors.Is(err, target) || strings.Contains(fmt.Sprint(err), target.Error()))
}

// hasText reports whether the text of an error begins with start.
func hasText(err error, start string) bool {
	return err != nil && strings.HasPrefix(fmt.Sprint(err), start)
}

// slug makes one word of the text of an error. It is none of the other words for an
// exit.
func slug(text string) string {
	const most = 40
	words := strings.FieldsFunc(firstLine(text), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("._:/-", r)
	})
	word := strings.Trim(strings.Join(words, "-"), "-:")
	if runes := []rune(word); len(runes) > most {
		word = strings.TrimRight(string(runes[:most]), "-:")
	}
	switch word {
	case "", "normal", "shutdown", "panic", "goexit", "canceled":
		return strings.TrimLeft(word+"-error", "-")
	}
	return word
}

// firstLine returns the first line of a text, with a mark if more follow.
func firstLine(text string) string {
	line, _, more := strings.Cut(strings.TrimSpace(text), "\n")
	if more {
		line += " …"
	}
	return line
}
