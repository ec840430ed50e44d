package guest

import "strings"

// Quote makes one line for a POSIX shell that gives back exactly args as its
// words. It is the only function that makes shell text out of values. A NUL
// byte cannot be in a shell's word: Run refuses a command that has one.
func Quote(args ...string) string {
	words := make([]string, len(args))
	for i, a := range args {
		words[i] = quoteWord(a)
	}
	return strings.Join(words, " ")
}

// quoteWord leaves alone what no shell gives a meaning to, so that logs stay
// readable, and puts all else in single quotes. A leading "~" or "-" needs no
// care: the first is not in the set, the second means nothing to the shell.
func quoteWord(s string) string {
	if s != "" && strings.IndexFunc(s, needsQuote) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

func needsQuote(r rune) bool {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
		return false
	}
	// No "=": a first word with one would be an assignment.
	return !strings.ContainsRune("-_./:,@%+", r)
}
