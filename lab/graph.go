package lab

import (
	"fmt"
	"io"
	"strings"
)

// WriteDOT writes the topology of l for Graphviz: networks, machines, the
// address of each network card on the edge between them, and depends_on as
// dashed arrows.
func WriteDOT(w io.Writer, l *Lab) error {
	var b strings.Builder
	b.WriteString("graph " + dotQuote(l.Name) + " {\n")
	b.WriteString("  graph [label=" + dotQuote(graphTitle(l)) + ", labelloc=t];\n  node [fontname=\"sans-serif\"];\n")
	ids := graphIDs(l)
	for _, n := range l.Networks {
		fmt.Fprintf(&b, "  %s [shape=ellipse, label=%s];\n", ids[n], dotQuote(networkLabel(n)...))
	}
	for _, m := range l.Machines {
		fmt.Fprintf(&b, "  %s [shape=box, label=%s];\n", ids[m], dotQuote(machineLabel(m)...))
	}
	for _, m := range l.Machines {
		for _, c := range m.NICs {
			fmt.Fprintf(&b, "  %s -- %s [label=%s];\n", ids[m], ids[c.Network], dotQuote(nicLabel(c)...))
		}
	}
	for _, m := range l.Machines {
		for _, d := range m.DependsOn {
			fmt.Fprintf(&b, "  %s -- %s [style=dashed, dir=forward, constraint=false];\n", ids[m], ids[d])
		}
	}
	b.WriteString("}\n")
	return writeGraph(w, b.String())
}

// WriteMermaid writes the topology of l as a Mermaid flowchart, with what
// WriteDOT shows.
func WriteMermaid(w io.Writer, l *Lab) error {
	var b strings.Builder
	b.WriteString("flowchart TD\n")
	ids := graphIDs(l)
	for _, n := range l.Networks {
		fmt.Fprintf(&b, "  %s([%s])\n", ids[n], mermaidQuote(networkLabel(n)...))
	}
	for _, m := range l.Machines {
		fmt.Fprintf(&b, "  %s[%s]\n", ids[m], mermaidQuote(machineLabel(m)...))
	}
	for _, m := range l.Machines {
		for _, c := range m.NICs {
			fmt.Fprintf(&b, "  %s ---|%s| %s\n", ids[m], mermaidQuote(nicLabel(c)...), ids[c.Network])
		}
	}
	for _, m := range l.Machines {
		for _, d := range m.DependsOn {
			fmt.Fprintf(&b, "  %s -.-> %s\n", ids[m], ids[d])
		}
	}
	return writeGraph(w, b.String())
}

// graphIDs gives networks and machines identifiers that need no quoting in
// either language, whatever their names are (Mermaid takes "end" for a
// keyword).
func graphIDs(l *Lab) map[any]string {
	ids := make(map[any]string, len(l.Networks)+len(l.Machines))
	for i, n := range l.Networks {
		ids[n] = fmt.Sprintf("n%d", i+1)
	}
	for i, m := range l.Machines {
		ids[m] = fmt.Sprintf("m%d", i+1)
	}
	return ids
}

func graphTitle(l *Lab) string {
	if l.Client == "" {
		return l.Name
	}
	return l.Name + " (" + l.Client + ")"
}

func networkLabel(n *Network) []string {
	return []string{n.Name, n.Subnet.String(), "gateway " + n.Gateway.String(), n.Domain}
}

func machineLabel(m *Machine) []string {
	return []string{m.Name, "image " + m.Image.Name, sizeText(m.MemoryMiB)}
}

func nicLabel(c NIC) []string {
	if !c.Address.IsValid() {
		return append([]string{"DHCP"}, c.Names...)
	}
	return append([]string{c.Address.String()}, c.Names...)
}

// dotQuote writes lines as one DOT string. Only quote and backslash have a
// meaning inside; a line break is written \n, as a label wants it.
func dotQuote(lines ...string) string {
	for i, s := range lines {
		lines[i] = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", " ", "\r", " ", "\x00", "").Replace(s)
	}
	return `"` + strings.Join(lines, `\n`) + `"`
}

// mermaidQuote writes lines as one quoted Mermaid text. Whatever could end the
// quotes or be read as HTML or Markdown becomes an entity.
func mermaidQuote(lines ...string) string {
	for i, s := range lines {
		lines[i] = strings.NewReplacer("#", "#35;", `"`, "#quot;", "&", "#amp;", "<", "#lt;", ">", "#gt;",
			"`", "#96;", "\n", " ", "\r", " ").Replace(s)
	}
	return `"` + strings.Join(lines, "<br>") + `"`
}

func writeGraph(w io.Writer, text string) error {
	if _, err := io.WriteString(w, text); err != nil {
		return fmt.Errorf("cannot write the graph: %w", err)
	}
	return nil
}
