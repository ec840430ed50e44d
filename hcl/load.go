package hcl

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/patchlab/patchlab/lab"
)

// Options are what values the variables of a definition get. As with
// Terraform, a variable file wins over the environment, --var over both, and
// the later of two over the earlier.
type Options struct {
	Vars     []string // "name=value", in order
	VarFiles []string // paths, in order
	Environ  []string // "PATCHLAB_VAR_name=value"; everything else is passed over
}

// Load reads the definition in dir. The lab is nil when there are errors. The
// diagnostics are never nil; file names in them are dir joined with the file's
// name. Only definition files, variable files and the files that the
// definition names are looked at; nothing is changed.
func Load(dir string, o Options) (*lab.Lab, *Diagnostics) {
	d := newDiagnostics()
	defer d.sort()
	files, err := Files(dir)
	if err != nil {
		d.addUsage(err)
		return nil, d
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		d.addUsage(&lab.UsageError{Err: fmt.Errorf("cannot find %s: %w", dir, err)})
		return nil, d
	}
	def, whole := d.readFiles(files)
	given := d.readGiven(o)
	if !whole {
		return nil, d // what is missing cannot be told from what could not be read
	}
	l := newBuilder(d, abs).build(def, given)
	if d.HasErrors() {
		return nil, d
	}
	l.Secrets = d.secrets.sorted()
	return l, d
}

// readFiles parses every file and gathers what they declare. It reports
// whether all could be parsed.
func (d *Diagnostics) readFiles(files []string) (def *definition, whole bool) {
	def, whole = newDefinition(d), true
	for _, file := range files {
		src, err := read(file)
		if err != nil {
			d.add(nil, "Unreadable file", fmt.Sprintf("Cannot read the definition: %v.", err), note{})
			whole = false
			continue
		}
		body, ok := d.parse(file, src)
		if !ok {
			whole = false
			continue
		}
		usable, broken := d.checkFile(body)
		for _, b := range usable {
			def.add(b)
		}
		for _, b := range broken {
			def.doubt(b)
		}
	}
	return def, whole
}

// addUsage reports an error that has no place in a file.
func (d *Diagnostics) addUsage(err error) {
	detail := err.Error()
	var usage *lab.UsageError
	if errors.As(err, &usage) && usage.Hint != "" {
		detail += ": " + usage.Hint
	}
	d.add(nil, "No definition", upperFirst(detail)+".", note{})
}

// builder makes the model from what is declared.
type builder struct {
	d         *Diagnostics
	s         *scope
	lab       *lab.Lab
	instances map[*hclsyntax.Block][]instance // of each machine block
	places    *places
	watch     watch // of the lab block: for all machines
	doubtful  bool  // a block could not be used: what is missing may be that one
}

func newBuilder(d *Diagnostics, dir string) *builder {
	return &builder{
		d: d, s: newScope(d, dir), lab: &lab.Lab{Dir: dir}, places: newPlaces(),
		instances: map[*hclsyntax.Block][]instance{},
	}
}

// build does everything that comes after parsing.
func (b *builder) build(def *definition, given *givenValues) *lab.Lab {
	b.doubtful, b.s.doubtful = len(def.doubtful) > 0, def.doubtful
	b.s.declareLocals(def.locals)
	b.s.declareVariables(def.blocks["variable"], given)
	b.declareImages(def.blocks["image"])
	b.declareNetworks(def.blocks["network"])
	b.declareMachines(def.blocks["machine"])
	b.s.resolveAll()

	b.buildLab(def.blocks["lab"])
	for _, block := range def.blocks["machine"] {
		for _, i := range b.instances[block] {
			b.buildMachine(i)
		}
	}
	for _, block := range def.blocks["patch"] {
		b.lab.Patches = append(b.lab.Patches, b.buildPatch(block))
	}
	for _, block := range def.blocks["check"] {
		b.buildChecks(block)
	}
	b.crossCheck()
	return b.lab
}
