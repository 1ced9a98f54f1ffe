package config

import (
	"fmt"
	"regexp"
	"strconv"
)

var (
	sizes  = regexp.MustCompile(`^([0-9]{1,15})(KiB|MiB|GiB|TiB|B)$`)
	shares = regexp.MustCompile(`^([0-9]{1,3})%$`)
)

// powers are the powers of two that sizes are written with.
var powers = map[string]int64{"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}

// size takes a number of bytes with its unit.
func (v *validator) size(t text, byDefault, least int64) int64 {
	if !t.good() {
		return byDefault
	}
	const expect = "write a whole number with its unit: B, KiB, MiB, GiB or TiB, such as 10MiB"
	parts := sizes.FindStringSubmatch(t.value)
	if parts == nil {
		v.r.error(t.spot, show(t.value)+" is no size", expect)
		return byDefault
	}
	n, err := strconv.ParseInt(parts[1], 10, 64)
	unit := powers[parts[2]]
	switch {
	case err != nil || n > (1<<60)/unit:
		v.r.error(t.spot, show(t.value)+" is too large", expect)
	case n*unit < least:
		v.r.error(t.spot, show(t.value)+" is too small", fmt.Sprintf("write %dB or more", least))
	default:
		return n * unit
	}
	return byDefault
}

// share takes a percentage, as a fraction.
func (v *validator) share(t text, byDefault float64) float64 {
	if !t.good() {
		return byDefault
	}
	parts := shares.FindStringSubmatch(t.value)
	if parts == nil {
		v.r.error(t.spot, show(t.value)+" is no share", "write a percentage from 0% to 100%, such as 20%")
		return byDefault
	}
	n, err := strconv.Atoi(parts[1])
	if err != nil || n > 100 {
		v.r.error(t.spot, show(t.value)+" is more than everything", "write a percentage from 0% to 100%, such as 20%")
		return byDefault
	}
	return float64(n) / 100
}
