package hcl

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"net/netip"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// parsePrefix reads an IPv4 subnet; bits beyond the prefix are dropped.
func parsePrefix(text string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(text)
	if err != nil || !p.Addr().Is4() {
		return netip.Prefix{}, errors.New(`must be an IPv4 subnet such as "192.168.1.0/24"`)
	}
	return p.Masked(), nil
}

// nth returns the address n above a; it must not pass the end of IPv4.
func nth(a netip.Addr, n uint64) netip.Addr {
	four := a.As4()
	binary.BigEndian.PutUint32(four[:], uint32(uint64(binary.BigEndian.Uint32(four[:]))+n)) //nolint:gosec // see the contract
	return netip.AddrFrom4(four)
}

// size is how many addresses p has.
func size(p netip.Prefix) uint64 { return 1 << (32 - p.Bits()) }

// lastAddr is the broadcast address of p.
func lastAddr(p netip.Prefix) netip.Addr { return nth(p.Addr(), size(p)-1) }

// wholeNumber returns v as an integer.
func wholeNumber(v cty.Value) (int64, error) {
	n, accuracy := v.AsBigFloat().Int64()
	if accuracy != big.Exact {
		return 0, errors.New("must be a whole number")
	}
	return n, nil
}

// cidrFunc is a function of a subnet and whole numbers.
func cidrFunc(numbers []string, f func(p netip.Prefix, n []int64) (string, error)) function.Function {
	params := []function.Parameter{{Name: "subnet", Type: cty.String}}
	for _, name := range numbers {
		params = append(params, function.Parameter{Name: name, Type: cty.Number})
	}
	return function.New(&function.Spec{
		Params: params,
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			unknown := cty.UnknownVal(cty.String)
			p, err := parsePrefix(args[0].AsString())
			if err != nil {
				return unknown, function.NewArgError(0, err)
			}
			n := make([]int64, len(numbers))
			for i := range n {
				if n[i], err = wholeNumber(args[i+1]); err != nil {
					return unknown, function.NewArgError(i+1, err)
				}
			}
			text, err := f(p, n)
			if err != nil {
				return unknown, err
			}
			return cty.StringVal(text), nil
		},
	})
}

// cidrHostFunc returns the n-th address of a subnet; from its end when n is
// negative.
func cidrHostFunc() function.Function {
	return cidrFunc([]string{"hostnum"}, func(p netip.Prefix, n []int64) (string, error) {
		count := int64(size(p)) //nolint:gosec // 2^32 at most
		i := n[0]
		if i < 0 {
			i += count
		}
		if i < 0 || i >= count {
			return "", function.NewArgError(1, fmt.Errorf("the subnet %s has %d addresses, so that none has the number %d", p, count, n[0]))
		}
		return nth(p.Addr(), uint64(i)).String(), nil
	})
}

// cidrNetmaskFunc returns the mask of a subnet.
func cidrNetmaskFunc() function.Function {
	return cidrFunc(nil, func(p netip.Prefix, _ []int64) (string, error) {
		return nth(netip.IPv4Unspecified(), 1<<32-size(p)).String(), nil
	})
}

// cidrSubnetFunc returns the netnum-th of the parts that a subnet has when its
// prefix is made newbits longer.
func cidrSubnetFunc() function.Function {
	return cidrFunc([]string{"newbits", "netnum"}, func(p netip.Prefix, n []int64) (string, error) {
		newbits, netnum := n[0], n[1]
		if newbits < 0 || newbits > int64(32-p.Bits()) {
			return "", function.NewArgError(1, fmt.Errorf("the prefix of %s can be made 0 to %d bits longer, not %d", p, 32-p.Bits(), newbits))
		}
		if netnum < 0 || netnum >= 1<<newbits {
			return "", function.NewArgError(2, fmt.Errorf("there are %d such parts of %s, so that none has the number %d", int64(1)<<newbits, p, netnum))
		}
		bits := p.Bits() + int(newbits)
		return netip.PrefixFrom(nth(p.Addr(), uint64(netnum)<<(32-bits)), bits).String(), nil
	})
}
