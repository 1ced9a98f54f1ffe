package tdstest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"
	"time"
)

// procedureExecuteSQL is the number of sp_executesql ([MS-TDS] 2.2.6.6).
const procedureExecuteSQL = 10

// parameter is one value that came with a statement.
type parameter struct {
	name  string // with its @, "" where it goes by its place
	value any    // int64, float64, string, []byte or nil
}

// call is a request to run a procedure.
type call struct {
	number     uint16 // of a procedure that is part of the protocol, 0 if it is named
	name       string
	parameters []parameter
}

// errShort ends the connection of a client whose request ends too early.
var errShort = errors.New("request is cut off")

// reader reads the parts of a request. The first error stays.
type reader struct {
	b   []byte
	err error
}

func (r *reader) bytes(n int) []byte {
	if r.err != nil || n < 0 || n > len(r.b) {
		if r.err == nil {
			r.err = errShort
		}
		return make([]byte, max(min(n, 16), 0))
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) byte() byte     { return r.bytes(1)[0] }
func (r *reader) uint16() uint16 { return binary.LittleEndian.Uint16(r.bytes(2)) }
func (r *reader) uint32() uint32 { return binary.LittleEndian.Uint32(r.bytes(4)) }
func (r *reader) uint64() uint64 { return binary.LittleEndian.Uint64(r.bytes(8)) }

func (r *reader) text(characters int) string { return decodeUTF16(r.bytes(2 * characters)) }

// skipHeaders leaves ALL_HEADERS behind, which begin every batch and every call ([MS-TDS] 2.2.5.3).
func (r *reader) skipHeaders() {
	if n := int(r.uint32()); n >= 4 {
		r.bytes(n - 4)
	}
}

// parseCall reads an RPC request ([MS-TDS] 2.2.6.6).
func parseCall(data []byte) (call, error) {
	r := &reader{b: data}
	r.skipHeaders()
	var c call
	if n := r.uint16(); n == 0xFFFF {
		c.number = r.uint16()
	} else {
		c.name = r.text(int(n))
	}
	r.uint16() // options
	for r.err == nil && len(r.b) > 0 {
		p := parameter{name: r.text(int(r.byte()))}
		r.byte() // status
		var err error
		if p.value, err = r.value(); err != nil {
			return c, err
		}
		c.parameters = append(c.parameters, p)
	}
	return c, r.err
}

// value reads TYPE_INFO and a value of that type.
func (r *reader) value() (any, error) {
	id := r.byte()
	switch id {
	case typeNull:
		return nil, r.err
	case typeInt1, typeBit:
		return int64(r.byte()), r.err
	case typeInt2:
		return int64(int16(r.uint16())), r.err
	case typeInt4:
		return int64(int32(r.uint32())), r.err
	case typeInt8:
		return int64(r.uint64()), r.err
	case typeFloat8:
		return math.Float64frombits(r.uint64()), r.err
	case typeIntN, typeBitN, typeFloatN, typeGUID, typeDateTimeN:
		r.byte() // the longest that it may be
		return r.shortValue(id, 0), r.err
	case typeDecimalN, typeNumericN:
		r.bytes(2)
		scale := r.byte()
		return r.shortValue(id, scale), r.err
	case typeDate:
		return r.shortValue(id, 0), r.err
	case typeTime, typeDateTime2, typeOffset:
		scale := r.byte()
		return r.shortValue(id, scale), r.err
	case typeVarBinary, typeBinary, typeVarChar, typeChar, typeNVarChar, typeNChar:
		return r.longValue(id)
	}
	return nil, fmt.Errorf("parameter of type %#x", id)
}

// fits tells whether a value of a type can have so many bytes.
func fits(id, scale byte, n int) bool {
	clock := clockLength(scale)
	switch id {
	case typeIntN:
		return n == 1 || n == 2 || n == 4 || n == 8
	case typeBitN:
		return n == 1
	case typeFloatN:
		return n == 4 || n == 8
	case typeGUID:
		return n == 16
	case typeDecimalN, typeNumericN:
		return n >= 2 && n <= 17
	case typeDate:
		return n == 3
	case typeTime:
		return n == clock && scale <= 7
	case typeDateTime2:
		return n == clock+3 && scale <= 7
	case typeOffset:
		return n == clock+5 && scale <= 7
	}
	return n == 8 // datetime
}

// shortValue reads a value with its length before it in one byte; none is null.
func (r *reader) shortValue(id, scale byte) any {
	b := r.bytes(int(r.byte()))
	if r.err == nil && len(b) > 0 && !fits(id, scale, len(b)) {
		r.err = fmt.Errorf("a value of type %#x in %d bytes", id, len(b))
	}
	if len(b) == 0 || r.err != nil {
		return nil
	}
	switch id {
	case typeIntN, typeBitN:
		switch len(b) {
		case 1:
			return int64(b[0])
		case 2:
			return int64(int16(binary.LittleEndian.Uint16(b)))
		case 4:
			return int64(int32(binary.LittleEndian.Uint32(b)))
		}
		return int64(binary.LittleEndian.Uint64(b))
	case typeFloatN:
		if len(b) == 4 {
			return float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))
		}
		return math.Float64frombits(binary.LittleEndian.Uint64(b))
	case typeGUID:
		return formatGUID(b)
	case typeDecimalN, typeNumericN:
		digits := slices.Clone(b[1:])
		slices.Reverse(digits)
		n := new(big.Int).SetBytes(digits)
		if b[0] == 0 {
			n.Neg(n)
		}
		unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil)
		return new(big.Rat).SetFrac(n, unit).FloatString(int(scale))
	}
	return formatTime(id, scale, b)
}

// formatTime writes a time that came as a parameter as the tables hold it.
func formatTime(id, scale byte, b []byte) string {
	const date, clock = "2006-01-02", "15:04:05.0000000"
	n := clockLength(scale)
	switch id {
	case typeDate:
		return parseDate(b).Format(date)
	case typeTime:
		return parseDate([]byte{0, 0, 0}).Add(parseClock(b, scale)).Format(clock)
	case typeDateTime2:
		return parseDate(b[n:]).Add(parseClock(b[:n], scale)).Format(date + "T" + clock)
	case typeOffset:
		minutes := int(int16(binary.LittleEndian.Uint16(b[n+3:])))
		t := parseDate(b[n : n+3]).Add(parseClock(b[:n], scale))
		return t.In(time.FixedZone("", 60*minutes)).Format(date + "T" + clock + "-07:00")
	}
	t := time.Date(1900, 1, 1+int(int32(binary.LittleEndian.Uint32(b))), 0, 0, 0, 0, time.UTC)
	t = t.Add(time.Duration(binary.LittleEndian.Uint32(b[4:])) * 10 * time.Millisecond / 3)
	return t.Format("2006-01-02T15:04:05.000")
}

// longValue reads text or a blob.
func (r *reader) longValue(id byte) (any, error) {
	longest := r.uint16()
	if id != typeVarBinary && id != typeBinary {
		r.bytes(5) // collation
	}
	var b []byte
	if longest != 0xFFFF {
		n := r.uint16()
		if n == 0xFFFF {
			return nil, r.err
		}
		b = r.bytes(int(n))
	} else {
		if r.uint64() == math.MaxUint64 {
			return nil, r.err
		}
		for r.err == nil {
			n := r.uint32()
			if n == 0 {
				break
			}
			b = append(b, r.bytes(int(n))...)
		}
	}
	switch id {
	case typeVarBinary, typeBinary:
		return slices.Clone(b), r.err
	case typeNVarChar, typeNChar:
		return decodeUTF16(b), r.err
	}
	return decodeLatin1(b), r.err
}

func decodeLatin1(b []byte) string {
	var out strings.Builder
	for _, x := range b {
		out.WriteRune(rune(x))
	}
	return out.String()
}
