package main

import (
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/patchlab/patchlab/lab"
)

// docsCommand writes the manual, for packagers and for docs/commands.
func (a *app) docsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "docs OUT",
		Short:   "Write the manual of all commands, as Markdown or man pages",
		Example: "  patchlab docs docs/commands\n  patchlab docs /usr/share/man/man1 --format man",
		Hidden:  true,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.writeManual(cmd.Root(), args[0])
		},
	}
	a.addFormat(cmd, "markdown", "man")
	return cmd
}

func (a *app) writeManual(root *cobra.Command, out string) error {
	if err := os.MkdirAll(out, 0o755); err != nil { //nolint:gosec // a manual is for everybody
		return &lab.HostError{Op: "write the manual", Err: err}
	}
	root.DisableAutoGenTag = true // or it would be another one every day
	root.InitDefaultCompletionCmd()
	indentBlocks(root)
	var err error
	if a.format == "man" {
		err = doc.GenManTree(root, &doc.GenManHeader{Title: "PATCHLAB", Section: "1", Source: "patchlab", Manual: "patchlab"}, out)
	} else {
		err = doc.GenMarkdownTree(root, out)
	}
	if err != nil {
		return &lab.HostError{Op: "write the manual", Err: err}
	}
	return nil
}

// indentBlocks makes what the help indents by two blanks a code block, by
// Markdown's rules, in all commands.
func indentBlocks(cmd *cobra.Command) {
	var b strings.Builder
	before := ""
	for line := range strings.Lines(cmd.Long) {
		if strings.HasPrefix(line, "  ") {
			if before != "" && !strings.HasPrefix(before, "  ") {
				b.WriteString("\n")
			}
			b.WriteString("  ")
		}
		b.WriteString(line)
		before = strings.TrimRight(line, "\n")
	}
	cmd.Long = b.String()
	for _, sub := range cmd.Commands() {
		indentBlocks(sub)
	}
}
