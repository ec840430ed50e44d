package lab

import (
	"context"
	"slices"
	"strings"
)

// conclude words the answer, and tries what is left of the batch.
func (b *bisecting) conclude(ctx context.Context, failing set) error {
	culprits := b.roots(failing)
	for _, i := range b.items(failing) {
		name := b.Items[i].Name
		if culprits[b.unitOf(i)] {
			b.out.Culprits = append(b.out.Culprits, name)
		} else {
			b.out.With = append(b.out.With, name)
		}
	}
	b.out.Verdict, b.out.Reason = Fail, b.sentence(failing)
	rest := b.without(b.prefix(len(b.units)), culprits)
	if rest.empty() {
		return nil
	}
	trials, err := b.round(ctx, rest)
	if err != nil {
		return err
	}
	if trials[0].Verdict != Inconclusive {
		t := b.tried(rest, trials[0])
		b.out.Rest = &t
	}
	return nil
}

// sentence says what the culprits are, and what was seen with each left out.
func (b *bisecting) sentence(failing set) string {
	text := "broken by " + andList(b.out.Culprits)
	var notes []string
	roots := b.roots(failing)
	if roots.count() == 1 && len(b.out.Culprits) > 1 {
		text += ", which need each other"
	}
	if roots.count() > 1 {
		text += " together"
		for u := range roots {
			if rest := b.names(b.minus(failing, u)); roots[u] && len(rest) == 1 {
				notes = append(notes, rest[0]+" alone passes")
			} else if roots[u] {
				notes = append(notes, "without "+andList(b.names(b.only(u)))+" the rest of them pass")
			}
		}
		slices.Sort(notes)
	}
	switch n := len(b.out.With); {
	case n > 0 && roots.count() > 1:
		notes = append(notes, "with "+andList(b.out.With)+", which they need")
	case n == 1:
		notes = append(notes, b.out.With[0]+", which it needs, passes alone")
	case n > 1:
		notes = append(notes, andList(b.out.With)+", which it needs, pass together")
	}
	if b.done[b.key(failing)].differs(b.whole) {
		notes = append(notes, "for another reason than the whole batch: "+b.done[b.key(failing)].Reason)
	}
	if len(notes) == 0 {
		return text
	}
	return text + " (" + strings.Join(notes, ", ") + ")"
}

// differs reports whether t failed in nothing that the whole batch fails in.
func (t Trial) differs(whole Trial) bool {
	if t.Verdict != Fail || len(t.Signature) == 0 || len(whole.Signature) == 0 {
		return false
	}
	return !slices.ContainsFunc(t.Signature, func(s string) bool { return slices.Contains(whole.Signature, s) })
}

// andList writes names as people do: "A, B and C".
func andList(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}
