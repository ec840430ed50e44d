package site

import (
	"encoding/json"
	"fmt"
	"time"
)

// index is what the search looks through. Places in other lists are numbers,
// so that nothing stands there ten thousand times.
type index struct {
	Labs    []labEntry   `json:"labs"`
	Clients []entryName  `json:"clients"`
	Patches []patchEntry `json:"patches"`
	Runs    [][]any      `json:"runs"` // lab, patch, patch's name, verdict, time, reason, id, page
}

type entryName struct {
	Name string `json:"name"`
	Page string `json:"page"`
}

type labEntry struct {
	entryName
	Client string `json:"client"`
}

type patchEntry struct {
	entryName
	SHA   string      `json:"sha"`
	Names []string    `json:"names"`
	Files [][2]string `json:"files"` // name and package, hash
	Again bool        `json:"again"`
}

// search are the search's page, its script, and what it looks through.
func (r *renderer) search(h *history) ([]item, error) {
	script, err := pageFiles.ReadFile("page/search.js")
	if err != nil {
		return nil, fmt.Errorf("cannot read the search's script: %w", err)
	}
	return []item{
		{path: "search-data.js", render: h.index},
		{path: "search.js", render: func() ([]byte, error) { return script, nil }},
		r.item(view{path: "search.html", template: "search", title: "Search", here: "search"}),
	}, nil
}

// index is a script that sets patchlabIndex. JSON as encoding/json writes it
// is JavaScript too, without anything that HTML would take for its own.
func (h *history) index() ([]byte, error) {
	var x index
	for _, c := range h.clients {
		if c.Name != "" {
			x.Clients = append(x.Clients, entryName{c.Name, c.Page})
		}
	}
	labs := map[*labRuns]int{}
	for i, l := range h.labs {
		labs[l] = i
		x.Labs = append(x.Labs, labEntry{entryName{l.Name, l.Page}, l.Client.Name})
	}
	patches := map[*patchRuns]int{}
	for i, p := range h.patches {
		patches[p] = i
		e := patchEntry{entryName: entryName{p.Name, p.Page}, SHA: p.SHA, Names: p.Names, Again: len(p.Twins) > 0}
		for _, f := range p.Files[:min(len(p.Files), mostFiles)] {
			e.Files = append(e.Files, [2]string{f.Name + " " + f.Package + " " + f.Version, f.SHA256})
		}
		x.Patches = append(x.Patches, e)
	}
	for _, r := range h.runs {
		x.Runs = append(x.Runs, []any{
			labs[r.Lab], patches[r.Patch], r.PatchName, r.Verdict, r.When.Format(time.DateTime)[:16], r.Reason, r.ID, r.Page,
		})
	}
	text, err := json.Marshal(x)
	if err != nil {
		return nil, fmt.Errorf("cannot write what the search looks through: %w", err)
	}
	return fmt.Appendf(nil, "const patchlabIndex = %s;\n", text), nil
}
