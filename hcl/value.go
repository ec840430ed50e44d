package hcl

import (
	"fmt"
	"math/big"
	"reflect"

	"github.com/zclconf/go-cty/cty"

	"github.com/patchlab/patchlab/lab"
)

// A reference to a block is an object with the attributes that attributesOf
// names, and, under a name that no expression can write, the object of the
// model itself.
const refAttr = "(ref)"

var (
	machineType = cty.Capsule("machine", reflect.TypeFor[lab.Machine]())
	networkType = cty.Capsule("network", reflect.TypeFor[lab.Network]())
	imageType   = cty.Capsule("image", reflect.TypeFor[lab.Image]())
)

// isRef reports whether v is a reference to one block.
func isRef(v cty.Value) bool {
	return v.Type().IsObjectType() && v.Type().HasAttribute(refAttr)
}

// refTarget returns what v refers to, as *lab.Machine, *lab.Network or
// *lab.Image; nil when v is no reference. V must be known, not null and
// unmarked.
func refTarget(v cty.Value) any {
	if !isRef(v) {
		return nil
	}
	return v.GetAttr(refAttr).EncapsulatedValue()
}

// scalarText returns v as text when it is a string, a number or a bool. V must
// be known, not null and unmarked.
func scalarText(v cty.Value) (string, bool) {
	switch v.Type() {
	case cty.String:
		return v.AsString(), true
	case cty.Number:
		return numberText(v.AsBigFloat()), true
	case cty.Bool:
		return fmt.Sprint(v.True()), true
	}
	return "", false
}

// numberText writes f in full, unless that would take thousands of digits.
func numberText(f *big.Float) string {
	if e := f.MantExp(nil); e > 4096 || e < -4096 {
		return f.Text('g', 20)
	}
	return f.Text('f', -1)
}

// describe says what v is, for messages: `the string "x"`.
func describe(v cty.Value) string {
	const most = 60
	switch {
	case isSensitive(v):
		return "a sensitive value"
	case !v.IsKnown():
		return "unknown"
	case v.IsNull():
		return "null"
	}
	ty := v.Type()
	switch {
	case ty == cty.String:
		text := []rune(v.AsString())
		if len(text) > most {
			text = append(text[:most:most], '…')
		}
		return fmt.Sprintf("the string %q", string(text))
	case ty == cty.Number:
		return "the number " + v.AsBigFloat().Text('g', 20)
	case ty == cty.Bool:
		return fmt.Sprintf("the bool %t", v.True())
	case isRef(v):
		return describeRef(refTarget(v))
	case len(machinesIn(v)) > 0:
		return "all machines of a for_each: pick one, as in machine.NAME[\"KEY\"]"
	case ty.IsObjectType() || ty.IsMapType():
		return "a map"
	case ty.IsSetType():
		return "a set"
	case ty.IsTupleType() || ty.IsListType():
		return "a list"
	}
	return "a " + ty.FriendlyName()
}

func describeRef(target any) string {
	switch t := target.(type) {
	case *lab.Machine:
		return fmt.Sprintf("machine %q", t.Name)
	case *lab.Network:
		return fmt.Sprintf("network %q", t.Name)
	case *lab.Image:
		return fmt.Sprintf("image %q", t.Name)
	}
	return "a reference"
}

// textOrUnknown is text as a value; unknown when a mistake in it was reported.
func textOrUnknown(text string, ok bool) cty.Value {
	if !ok {
		return cty.UnknownVal(cty.String)
	}
	return cty.StringVal(text)
}
