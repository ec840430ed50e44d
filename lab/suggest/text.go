package suggest

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/patchlab/patchlab/lab"
)

const (
	maxText = 80 // bytes of a page's title that a check asserts
	// A line of a page that a check asserts has so many characters.
	minLine, maxLine = 8, 60
	maxLines         = 200 // of one page that are compared
)

var titles = []*regexp.Regexp{
	regexp.MustCompile(`(?is)<title[^>]*>([^<]*)</title>`),
	regexp.MustCompile(`(?is)<h1[^>]*>([^<]*)</h1>`),
}

// unseen matches what a page does not show, finished or not.
var unseen = regexp.MustCompile(`(?is)<!--.*?(?:-->|\z)|<script\b.*?(?:</script|\z)|<style\b.*?(?:</style|\z)|<head\b.*?(?:</head|\z)|` +
	`<noscript\b.*?(?:</noscript|\z)|<template\b.*?(?:</template|\z)|<svg\b.*?(?:</svg|\z)|<[^>]*(?:>|\z)`)

// textOf is a piece that both answers of a page have, by which a human knows
// it: its title, its first heading, else a line. Empty: there is none. It is
// one piece of the answer, byte by byte, without what changes from day to day:
// something with a digit in it may.
func textOf(first, second string) string {
	again := texts(second)
	for _, text := range texts(first) {
		if slices.Contains(again, text) {
			return text
		}
	}
	return ""
}

// texts are the pieces of a page that may be asserted, best first.
func texts(body string) []string {
	var out []string
	for _, re := range titles {
		if found := re.FindStringSubmatch(body); found != nil {
			if text := strings.TrimSpace(found[1]); text != "" && len(text) <= maxText && steady(text) {
				out = append(out, text)
			}
		}
	}
	for line := range strings.Lines(unseen.ReplaceAllString(body, "\n")) {
		line = strings.TrimSpace(line)
		if n := utf8.RuneCountInString(line); n < minLine || n > maxLine || !steady(line) || !wordy(line) {
			continue
		}
		if out = append(out, line); len(out) == maxLines {
			break
		}
	}
	return out
}

// steady reports whether a text is one printable line without a digit.
func steady(s string) bool {
	return lab.Printable(s, 0) == s && !strings.ContainsFunc(s, unicode.IsDigit)
}

// wordy reports whether more than half of a text is letters.
func wordy(s string) bool {
	letters := 0
	for _, r := range s {
		if unicode.IsLetter(r) {
			letters++
		}
	}
	return 2*letters > utf8.RuneCountInString(s)
}

// trouble matches the text of a page that tells of an error, though its
// status does not.
var trouble = regexp.MustCompile(`(?i)\b(error|exception|denied|forbidden|not (allowed|permitted|found|authori[sz]ed)|direct access)\b`)
