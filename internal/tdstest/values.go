package tdstest

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"
)

// scaled reads a decimal number as an integer of units of 10^-scale, rounded towards zero.
func scaled(text string, scale byte) (*big.Int, error) {
	r, ok := new(big.Rat).SetString(strings.TrimSpace(text))
	if !ok {
		return nil, fmt.Errorf("%q is no number", text)
	}
	r.Mul(r, new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil)))
	return new(big.Int).Quo(r.Num(), r.Denom()), nil
}

// appendDecimal adds a number: a sign, and sixteen bytes with the least significant first.
func (k kind) appendDecimal(b []byte, text string) ([]byte, error) {
	n, err := scaled(text, k.scale)
	if err != nil {
		return nil, err
	}
	if n.BitLen() > 128 {
		return nil, fmt.Errorf("%s is too large for decimal", text)
	}
	sign := byte(1)
	if n.Sign() < 0 {
		sign = 0
	}
	digits := new(big.Int).Abs(n).FillBytes(make([]byte, 16))
	slices.Reverse(digits)
	return append(append(b, 17, sign), digits...), nil
}

// appendMoney adds ten-thousandths, the upper half of the eight bytes first.
func (k kind) appendMoney(b []byte, text string) ([]byte, error) {
	n, err := scaled(text, 4)
	if err != nil {
		return nil, err
	}
	v := n.Int64()
	b = append(b, byte(k.length))
	if k.length == 4 {
		return binary.LittleEndian.AppendUint32(b, uint32(v)), nil
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(v>>32))
	return binary.LittleEndian.AppendUint32(b, uint32(v)), nil
}

// swapGUID exchanges the order of bytes of the first three groups: on the wire the least significant comes first.
func swapGUID(g []byte) {
	slices.Reverse(g[0:4])
	slices.Reverse(g[4:6])
	slices.Reverse(g[6:8])
}

func appendGUID(b []byte, text string) ([]byte, error) {
	g, err := hex.DecodeString(strings.ReplaceAll(strings.Trim(text, "{}"), "-", ""))
	if err != nil || len(g) != 16 {
		return nil, fmt.Errorf("%q is no uniqueidentifier", text)
	}
	swapGUID(g)
	return append(append(b, 16), g...), nil
}

func formatGUID(wire []byte) string {
	g := slices.Clone(wire)
	swapGUID(g)
	return strings.ToUpper(fmt.Sprintf("%x-%x-%x-%x-%x", g[0:4], g[4:6], g[6:8], g[8:10], g[10:16]))
}

// timeLayouts are the ways in which statements write times.
func timeLayouts() []string {
	return []string{
		"2006-01-02T15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999 Z07:00",
		"2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999", "2006-01-02 15:04",
		"2006-01-02", "20060102", "15:04:05.999999999", "15:04",
	}
}

func asTime(value any) (time.Time, error) {
	if t, ok := value.(time.Time); ok {
		return t, nil
	}
	text := asText(value)
	for _, layout := range timeLayouts() {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time", text)
}

// daysSince counts the days from 1 January of a year.
func daysSince(year int, t time.Time) int {
	from := time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)
	day := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
	return int(day.Unix()/86400 - from.Unix()/86400)
}

func sinceMidnight(t time.Time) time.Duration {
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute +
		time.Duration(t.Second())*time.Second + time.Duration(t.Nanosecond())
}

// appendTime adds a date, a time, or both ([MS-TDS] 2.2.5.5.1).
func (k kind) appendTime(b []byte, value any) ([]byte, error) {
	t, err := asTime(value)
	if err != nil {
		return nil, err
	}
	date := func(t time.Time) []byte { return binary.LittleEndian.AppendUint32(nil, uint32(daysSince(1, t)))[:3] }
	clock := func(t time.Time) []byte {
		units := uint64(sinceMidnight(t))
		for range 9 - k.scale {
			units /= 10
		}
		return binary.LittleEndian.AppendUint64(nil, units)[:clockLength(k.scale)]
	}
	var v []byte
	switch {
	case k.id == typeDate:
		v = date(t)
	case k.id == typeTime:
		v = clock(t)
	case k.id == typeDateTime2:
		v = append(clock(t), date(t)...)
	case k.id == typeOffset:
		_, seconds := t.Zone()
		v = append(clock(t.UTC()), date(t.UTC())...)
		v = binary.LittleEndian.AppendUint16(v, uint16(int16(seconds/60)))
	case k.length == 4:
		v = binary.LittleEndian.AppendUint16(nil, uint16(daysSince(1900, t)))
		v = binary.LittleEndian.AppendUint16(v, uint16(sinceMidnight(t)/time.Minute))
	default:
		v = binary.LittleEndian.AppendUint32(nil, uint32(int32(daysSince(1900, t))))
		v = binary.LittleEndian.AppendUint32(v, uint32((sinceMidnight(t)*3+5*time.Millisecond)/(10*time.Millisecond)))
	}
	return append(append(b, byte(len(v))), v...), nil
}

// clockLength is how many bytes a time of a scale takes.
func clockLength(scale byte) int {
	switch {
	case scale <= 2:
		return 3
	case scale <= 4:
		return 4
	}
	return 5
}

// parseClock and parseDate read the two parts of a time.
func parseClock(b []byte, scale byte) time.Duration {
	var units uint64
	for i, x := range b {
		units |= uint64(x) << (8 * i)
	}
	for range 9 - scale {
		units *= 10
	}
	return time.Duration(units)
}

func parseDate(b []byte) time.Time {
	return time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, int(b[0])|int(b[1])<<8|int(b[2])<<16)
}
