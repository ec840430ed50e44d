package state

import (
	"crypto/sha256"
	"fmt"
	"regexp"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// firewallCounts are the counters in a list of rules.
var firewallCounts = regexp.MustCompile(`counter packets \d+ bytes \d+|\[\d+:\d+\]|handle \d+$|expires \S+`)

// readFirewall reads what nft, iptables-save and ip6tables-save print, each
// after a line with its name, a NUL between them. Each rule is an item,
// "<where>: <rule>"; one more for each chain tells its order.
func readFirewall(st *stock, data []byte) error {
	for text := range strings.SplitSeq(string(data), "\x00") {
		tool, rules, _ := strings.Cut(text, "\n")
		if tool == "nft" {
			readRules(st, rules, nftWhere())
		} else if tool != "" {
			readRules(st, rules, tablesWhere(strings.TrimSuffix(tool, "tables")))
		}
	}
	return nil
}

// readRules adds the rules of which where says the place; empty: it is none.
func readRules(st *stock, text string, where func(line string) string) {
	count := map[string]int{}
	order := map[string][]byte{}
	for line := range strings.Lines(text) {
		line = firewallCounts.ReplaceAllStringFunc(strings.TrimSpace(line), func(s string) string {
			if strings.HasPrefix(s, "counter") {
				return "counter"
			}
			return ""
		})
		line = strings.TrimSpace(line)
		place := where(line)
		if place == "" {
			continue
		}
		st.set(lab.StateFirewall, place+": "+line, there)
		count[place]++
		order[place] = append(order[place], line+"\n"...)
	}
	for place, lines := range order {
		sum := sha256.Sum256(lines)
		st.set(lab.StateFirewall, place, fmt.Sprintf("%d lines, in order %x", count[place], sum[:6]))
	}
}

// nftWhere follows the blocks of nft's list: "nft inet filter input".
func nftWhere() func(string) string {
	var blocks []string
	return func(line string) string {
		switch {
		case line == "", strings.HasPrefix(line, "#"):
			return ""
		case strings.HasPrefix(line, "}"):
			blocks = blocks[:max(0, len(blocks)-1)]
			return ""
		case strings.HasSuffix(line, "{"):
			name := strings.TrimSpace(strings.TrimSuffix(line, "{"))
			name = strings.TrimPrefix(strings.TrimPrefix(name, "table "), "chain ")
			if len(blocks) < 20 { // nft has three at most
				blocks = append(blocks, name)
			}
			return ""
		}
		return strings.TrimSpace("nft " + strings.Join(blocks, " "))
	}
}

// tablesWhere follows the tables of iptables-save: "ip filter".
func tablesWhere(family string) func(string) string {
	table := ""
	return func(line string) string {
		if name, ok := strings.CutPrefix(line, "*"); ok {
			table = name
			return ""
		}
		if line == "" || line == "COMMIT" || strings.HasPrefix(line, "#") {
			return ""
		}
		return family + " " + table
	}
}
