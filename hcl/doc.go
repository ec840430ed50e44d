// Package hcl reads the definition of a lab: the *.hcl files of one directory
// become one *lab.Lab, wholly resolved and valid, or diagnostics that name
// every mistake with its place. It also formats those files.
//
// It has no effect on the host and reads nothing but the definition, the
// variable files, and the presence of the files that a definition names. It
// does not know how anything in a lab is made.
//
// # The order of work
//
//   - files.go, source.go: find, read and parse.
//   - schema.go, structure.go: which blocks and attributes there are.
//   - definition.go: what is declared, and twice.
//   - variable.go, values.go: variables and what they are set to.
//   - symbol.go, scope.go, refs.go: what expressions refer to; each local,
//     network and machine is computed once, in the order of their references.
//   - attr*.go: attributes with their types; one file for each kind of block.
//   - checkkinds*.go: the table of every kind of check; check*.go read them.
//   - cross*.go: what only shows when everything is known.
//
// write.go shows mistakes; writechecks.go writes checks that were suggested,
// as a definition.
//
// A mistake is reported once: what depends on it is an unknown value, which
// every later step passes over in silence.
package hcl
