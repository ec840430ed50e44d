package lab

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Fingerprint says which definition a patch was tested on, so that it can be
// told later whether the lab is still the same, and what is other.
type Fingerprint struct {
	Dir    string `json:"dir"`    // absolute path of the definition's folder on the host of the run
	SHA256 string `json:"sha256"` // of the sorted lines "<sum>  <part>\n" of Parts
	// Parts are the machines, images, networks, checks and patches by name
	// (`machine "web"`), each with the first 16 hex digits of the SHA-256 of
	// what it says. Secrets and comments are not in it, nor is the order.
	Parts map[string]string `json:"parts"`
}

// Fingerprint is what l says, without its patches but for p, which may be nil.
// What only words it differently (comments, order, places in files) changes
// nothing; the contents of files that are uploaded do. A file that cannot be
// read is a *UsageError.
func (l *Lab) Fingerprint(p *Patch) (Fingerprint, error) {
	f := Fingerprint{Dir: l.Dir, Parts: map[string]string{}}
	e := encoder{redact: l.Redactor()}
	add := func(kind, name string, v any) {
		f.Parts[fmt.Sprintf("%s %q", kind, name)] = e.sum(v)
	}
	for _, i := range l.Images {
		add("image", i.Name, *i)
	}
	for _, n := range l.Networks {
		add("network", n.Name, *n)
	}
	for _, m := range l.Machines {
		add("machine", m.Name, *m)
	}
	for _, c := range l.Checks {
		add("check", c.Name, *c)
	}
	if p != nil {
		add("patch", p.Name, applied(p))
	}
	if e.err != nil {
		return f, &UsageError{Err: fmt.Errorf("cannot tell what lab %q is made of: %w", l.Name, e.err)}
	}
	f.SHA256 = f.sum()
	return f, nil
}

func (f *Fingerprint) sum() string {
	lines := make([]string, 0, len(f.Parts))
	for name, sum := range f.Parts {
		lines = append(lines, sum+"  "+name+"\n")
	}
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(strings.Join(lines, "")))
	return hex.EncodeToString(sum[:])
}

// Changed lists, sorted, what is other in now: `machine "web" is other`,
// `check "page" is new`, `network "office" is gone`. A patch that is only on
// one side is no change: it says nothing of the lab.
func (f *Fingerprint) Changed(now Fingerprint) []string {
	var out []string
	for name, sum := range f.Parts {
		switch other, there := now.Parts[name]; {
		case there && other != sum:
			out = append(out, name+" is other")
		case !there && !strings.HasPrefix(name, "patch "):
			out = append(out, name+" is gone")
		}
	}
	for name := range now.Parts {
		if _, there := f.Parts[name]; !there && !strings.HasPrefix(name, "patch ") {
			out = append(out, name+" is new")
		}
	}
	slices.Sort(out)
	return out
}

// applied is of p what decides how it is applied and judged. Its bytes are
// pinned elsewhere; the proof of the way back and the time it may take say
// nothing of whether it passes.
func applied(p *Patch) Patch {
	out := *p
	out.Files, out.Script, out.Bundle, out.Backout, out.Timeout = nil, "", "", nil, 0
	out.Replace = slices.Clone(p.Replace)
	for i := range out.Replace {
		out.Replace[i].Source = ""
	}
	out.Parts = nil
	for _, part := range p.Parts {
		one := applied(part)
		out.Parts = append(out.Parts, &one)
	}
	return out
}

// encoder writes model values in one way only: as JSON with sorted keys, in
// which other objects of the lab stand by their names, files by their
// contents, and places in the definition not at all. A field that is added to
// the model is in it without further ado.
type encoder struct {
	redact func(string) string
	err    error
}

func (e *encoder) sum(v any) string {
	text, err := json.Marshal(e.value(reflect.ValueOf(v), true))
	if err != nil && e.err == nil {
		e.err = err
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// value is v as json.Marshal takes it. Root says that v is the object itself.
func (e *encoder) value(v reflect.Value, root bool) any {
	if !v.IsValid() {
		return nil
	}
	switch x := v.Interface().(type) {
	case time.Duration:
		return x.String()
	case fmt.Stringer: // addresses, prefixes, hardware addresses
		if v.Kind() != reflect.Pointer && v.Kind() != reflect.Interface {
			return x.String()
		}
	case Upload:
		return map[string]any{"Dest": e.redact(x.Dest), "SHA256": e.file(x.Source)}
	case Image:
		if root {
			return e.image(x)
		}
	}
	switch v.Kind() {
	case reflect.Pointer:
		return e.pointer(v)
	case reflect.Interface:
		if v.IsNil() {
			return nil
		}
		return map[string]any{v.Elem().Type().String(): e.value(v.Elem(), false)}
	case reflect.Struct:
		return e.structure(v)
	case reflect.Slice, reflect.Array:
		list := make([]any, 0, v.Len())
		for i := range v.Len() {
			list = append(list, e.value(v.Index(i), false))
		}
		return list
	case reflect.Map:
		out := map[string]any{}
		for _, k := range v.MapKeys() {
			out[e.redact(fmt.Sprint(k.Interface()))] = e.value(v.MapIndex(k), false)
		}
		return out
	case reflect.String:
		return e.redact(v.String())
	}
	return v.Interface()
}

// pointer is what v points to; another object of the lab is its name.
func (e *encoder) pointer(v reflect.Value) any {
	if v.IsNil() {
		return nil
	}
	switch x := v.Interface().(type) {
	case *Machine:
		return x.Name
	case *Image:
		return x.Name
	case *Network:
		return x.Name
	}
	return e.value(v.Elem(), false)
}

func (e *encoder) structure(v reflect.Value) any {
	out := map[string]any{}
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if field.IsExported() && field.Type != reflect.TypeFor[Pos]() {
			out[field.Name] = e.value(v.Field(i), false)
		}
	}
	return out
}

// image is an image by its recipe or its pinned bytes. A source that is not
// pinned is known by its size and time: reading it would take minutes.
func (e *encoder) image(i Image) any {
	out := map[string]any{"OS": i.OS, "Build": e.value(reflect.ValueOf(i.Build), false), "SHA256": i.SHA256}
	if i.Source != "" && i.SHA256 == "" {
		info, err := os.Stat(i.Source)
		if err != nil {
			e.fail(err)
			return nil
		}
		out["Source"] = []any{filepath.Base(i.Source), info.Size(), info.ModTime().UTC().UnixNano()}
	}
	return out
}

// file is the SHA-256 of a file's bytes, or of all that is in a folder.
func (e *encoder) file(path string) string {
	h := sha256.New()
	err := filepath.WalkDir(path, func(at string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(path, at)
		if err != nil {
			return err
		}
		info, err := os.Stat(at) // an upload follows links
		if err != nil {
			return err
		}
		fmt.Fprintf(h, "%q %v\n", filepath.ToSlash(rel), d.Type())
		if at != path && info.Mode().IsRegular() && info.Mode()&0o100 != 0 {
			fmt.Fprintln(h, "executable") // it stays so on the machine
		}
		if !info.Mode().IsRegular() {
			return nil
		}
		f, err := os.Open(at) //nolint:gosec // the user's own folder
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = io.Copy(h, f)
		return err
	})
	if err != nil {
		e.fail(err)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func (e *encoder) fail(err error) {
	if e.err == nil {
		e.err = err
	}
}
