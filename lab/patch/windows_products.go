package patch

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// product is something that the Windows Installer, or a program, installed.
type product struct{ name, version, uninstall string }

// products is what a machine has of them.
type products struct {
	installed map[string]product         // by product code
	patches   map[[2]string]productPatch // by product code and patch code
	programs  map[string]product         // by the name of the key in the list of programs
}

// productPatch is a patch of the Windows Installer.
type productPatch struct {
	applied   bool
	removable bool
}

func (j *job) products(ctx context.Context) (products, error) {
	j.progress.Step("asking for the installed programs")
	p := products{installed: map[string]product{}, patches: map[[2]string]productPatch{}, programs: map[string]product{}}
	err := j.rows(ctx, windowsScript("products"), func(word string, field func(int) string) {
		switch word {
		case "product":
			p.installed[unpackCode(field(1))] = product{version: field(2), name: field(3)}
		case "patch":
			key := [2]string{unpackCode(field(1)), unpackCode(field(2))}
			p.patches[key] = productPatch{applied: field(3) == "1", removable: field(4) != "0"}
		case "program":
			p.programs[field(1)] = product{version: field(2), name: field(3), uninstall: field(4)}
		}
	})
	return p, err
}

// changes are the programs and products that differ since before, sorted.
func (p products) changes(before products) []lab.PackageChange {
	var changes []lab.PackageChange
	for _, pair := range [][2]map[string]product{{before.installed, p.installed}, {before.programs, p.programs}} {
		from, to := pair[0], pair[1]
		keys := map[string]product{}
		maps.Copy(keys, from)
		maps.Copy(keys, to)
		for _, key := range slices.Sorted(maps.Keys(keys)) {
			was, had := from[key]
			is, has := to[key]
			if had && has && was.version == is.version {
				continue
			}
			changes = append(changes, lab.PackageChange{
				Name: lab.Printable(keys[key].label(key), 100),
				From: presence(was, had), To: presence(is, has),
			})
		}
	}
	slices.SortFunc(changes, func(a, b lab.PackageChange) int {
		return strings.Compare(a.Name+"\t"+a.From+"\t"+a.To, b.Name+"\t"+b.From+"\t"+b.To)
	})
	return slices.Compact(changes) // a product is in the list of programs too
}

func (p product) label(key string) string {
	if p.name == "" {
		return key
	}
	return p.name
}

// presence is a version, and something where there is none.
func presence(p product, there bool) string {
	switch {
	case !there:
		return ""
	case p.version == "":
		return "installed"
	}
	return lab.Printable(p.version, 40)
}

var packedCode = regexp.MustCompile(`^[0-9A-Fa-f]{32}$`)

// unpackCode makes the usual form of a code that the Windows Installer keeps
// with its digits in another order: the first three groups backwards, then
// each two digits. What is no such code stays as it is.
func unpackCode(packed string) string {
	if !packedCode.MatchString(packed) {
		return packed
	}
	packed = strings.ToUpper(packed)
	b := []byte(packed)
	slices.Reverse(b[:8])
	slices.Reverse(b[8:12])
	slices.Reverse(b[12:16])
	for i := 16; i < 32; i += 2 {
		b[i], b[i+1] = b[i+1], b[i]
	}
	return fmt.Sprintf("{%s-%s-%s-%s-%s}", b[:8], b[8:12], b[12:16], b[16:20], b[20:])
}

var productCode = regexp.MustCompile(`\{[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\}`)

// codesIn are the codes in a text of the Windows Installer.
func codesIn(text string) []string {
	return productCode.FindAllString(strings.ToUpper(text), -1)
}

// windowsArguments is a command line of words, each of which the program gets
// back exactly where it reads it as the C run-time library does.
func windowsArguments(words []string) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = windowsWord(word)
	}
	return strings.Join(quoted, " ")
}

func windowsWord(word string) string {
	if word != "" && !strings.ContainsAny(word, " \t\n\v\"") {
		return word
	}
	var b strings.Builder
	b.WriteByte('"')
	slashes := 0
	for i := range len(word) {
		switch word[i] {
		case '\\':
			slashes++
		case '"':
			b.WriteString(strings.Repeat(`\`, slashes+1)) // before a quote, each counts twice
			slashes = 0
		default:
			slashes = 0
		}
		b.WriteByte(word[i])
	}
	b.WriteString(strings.Repeat(`\`, slashes) + `"`)
	return b.String()
}
