package tdstest

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Data types on the wire ([MS-TDS] 2.2.5.4).
const (
	typeNull      = 0x1F
	typeInt1      = 0x30
	typeBit       = 0x32
	typeInt2      = 0x34
	typeInt4      = 0x38
	typeFloat8    = 0x3E
	typeInt8      = 0x7F
	typeGUID      = 0x24
	typeIntN      = 0x26
	typeDate      = 0x28
	typeTime      = 0x29
	typeDateTime2 = 0x2A
	typeOffset    = 0x2B
	typeBitN      = 0x68
	typeDecimalN  = 0x6A
	typeNumericN  = 0x6C
	typeFloatN    = 0x6D
	typeMoneyN    = 0x6E
	typeDateTimeN = 0x6F
	typeVarBinary = 0xA5
	typeVarChar   = 0xA7
	typeBinary    = 0xAD
	typeChar      = 0xAF
	typeNVarChar  = 0xE7
	typeNChar     = 0xEF
	typeXML       = 0xF1
)

// longest is the length of a text or a blob that may be of any length: (max).
const longest = -1

// kind is the type of a column.
type kind struct {
	id     byte
	length int // in bytes, longest for (max)
	prec   byte
	scale  byte
}

// column is a column of a set of rows.
type column struct {
	name string
	kind kind
}

// parseKind reads a type as a statement declares it: nvarchar(100), decimal(19, 4), datetime2(7).
func parseKind(declared string) (kind, bool) {
	name, rest, _ := strings.Cut(strings.ToLower(strings.TrimSpace(declared)), "(")
	name = strings.TrimSuffix(strings.TrimSpace(name), "_text")
	a, b, _ := strings.Cut(strings.TrimSuffix(strings.TrimSpace(rest), ")"), ",")
	a, b = strings.TrimSpace(a), strings.TrimSpace(b)
	number := func(s string, otherwise int) int {
		if s == "max" {
			return longest
		}
		if n, err := strconv.Atoi(s); err == nil {
			return n
		}
		return otherwise
	}
	wide := func(n int) int {
		if n == longest {
			return longest
		}
		return 2 * n
	}
	switch name {
	case "bit":
		return kind{id: typeBitN, length: 1}, true
	case "tinyint":
		return kind{id: typeIntN, length: 1}, true
	case "smallint":
		return kind{id: typeIntN, length: 2}, true
	case "int":
		return kind{id: typeIntN, length: 4}, true
	case "bigint", "integer":
		return kind{id: typeIntN, length: 8}, true
	case "real":
		return kind{id: typeFloatN, length: 4}, true
	case "float":
		return kind{id: typeFloatN, length: 8}, true
	case "decimal", "numeric":
		return kind{id: typeNumericN, length: 17, prec: byte(number(a, 18)), scale: byte(number(b, 0))}, true
	case "money":
		return kind{id: typeMoneyN, length: 8}, true
	case "smallmoney":
		return kind{id: typeMoneyN, length: 4}, true
	case "char":
		return kind{id: typeVarChar, length: number(a, 1)}, true
	case "varchar":
		return kind{id: typeVarChar, length: number(a, 1)}, true
	case "text":
		return kind{id: typeVarChar, length: longest}, true
	case "nchar", "nvarchar":
		return kind{id: typeNVarChar, length: wide(number(a, 1))}, true
	case "sysname":
		return kind{id: typeNVarChar, length: 256}, true
	case "ntext":
		return kind{id: typeNVarChar, length: longest}, true
	case "xml":
		return kind{id: typeXML, length: longest}, true
	case "binary", "varbinary":
		return kind{id: typeVarBinary, length: number(a, 1)}, true
	case "image":
		return kind{id: typeVarBinary, length: longest}, true
	case "uniqueidentifier":
		return kind{id: typeGUID, length: 16}, true
	case "date":
		return kind{id: typeDate, length: 3}, true
	case "time":
		return kind{id: typeTime, scale: byte(number(a, 7))}, true
	case "datetime2":
		return kind{id: typeDateTime2, scale: byte(number(a, 7))}, true
	case "datetimeoffset":
		return kind{id: typeOffset, scale: byte(number(a, 7))}, true
	case "datetime":
		return kind{id: typeDateTimeN, length: 8}, true
	case "smalldatetime":
		return kind{id: typeDateTimeN, length: 4}, true
	}
	return kind{}, false
}

// kindOf is the type of a value that no column declares, as of an expression.
func kindOf(value any) kind {
	switch value.(type) {
	case int64:
		return kind{id: typeIntN, length: 8}
	case float64:
		return kind{id: typeFloatN, length: 8}
	case bool:
		return kind{id: typeBitN, length: 1}
	case []byte:
		return kind{id: typeVarBinary, length: longest}
	}
	return kind{id: typeNVarChar, length: longest}
}

// appendInfo adds TYPE_INFO ([MS-TDS] 2.2.5.6).
func (k kind) appendInfo(b []byte) []byte {
	b = append(b, k.id)
	switch k.id {
	case typeIntN, typeBitN, typeFloatN, typeMoneyN, typeDateTimeN, typeGUID:
		return append(b, byte(k.length))
	case typeNumericN:
		return append(b, byte(k.length), k.prec, k.scale)
	case typeTime, typeDateTime2, typeOffset:
		return append(b, k.scale)
	case typeDate:
		return b
	case typeXML:
		return append(b, 0) // no schema
	case typeVarChar, typeNVarChar:
		return append(binary.LittleEndian.AppendUint16(b, k.wireLength()), latin1General()...)
	case typeVarBinary:
		return binary.LittleEndian.AppendUint16(b, k.wireLength())
	}
	panic(fmt.Sprintf("type %#x has no column", k.id))
}

func (k kind) wireLength() uint16 {
	if k.length == longest {
		return 0xFFFF
	}
	return uint16(k.length)
}

// appendValue adds a value of the type. It fails where the value is none of the type.
func (k kind) appendValue(b []byte, value any) ([]byte, error) {
	if value == nil {
		return k.appendNull(b), nil
	}
	switch k.id {
	case typeIntN, typeBitN:
		n, err := asInt(value)
		if err != nil {
			return nil, err
		}
		b = append(b, byte(k.length))
		return append(b, binary.LittleEndian.AppendUint64(nil, uint64(n))[:k.length]...), nil
	case typeFloatN:
		f, err := asFloat(value)
		if err != nil {
			return nil, err
		}
		if k.length == 4 {
			return binary.LittleEndian.AppendUint32(append(b, 4), math.Float32bits(float32(f))), nil
		}
		return binary.LittleEndian.AppendUint64(append(b, 8), math.Float64bits(f)), nil
	case typeNumericN:
		return k.appendDecimal(b, asText(value))
	case typeMoneyN:
		return k.appendMoney(b, asText(value))
	case typeGUID:
		return appendGUID(b, asText(value))
	case typeDate, typeTime, typeDateTime2, typeOffset, typeDateTimeN:
		return k.appendTime(b, value)
	case typeVarChar:
		return k.appendBytes(b, encodeLatin1(asText(value))), nil
	case typeNVarChar, typeXML:
		return k.appendBytes(b, encodeUTF16(asText(value))), nil
	case typeVarBinary:
		return k.appendBytes(b, []byte(asText(value))), nil
	}
	panic(fmt.Sprintf("type %#x has no column", k.id))
}

func (k kind) appendNull(b []byte) []byte {
	switch k.id {
	case typeVarChar, typeNVarChar, typeVarBinary, typeXML:
		if k.length == longest {
			return binary.LittleEndian.AppendUint64(b, math.MaxUint64)
		}
		return binary.LittleEndian.AppendUint16(b, 0xFFFF)
	}
	return append(b, 0)
}

// appendBytes adds text or a blob: with its length before it, or in pieces where it may be of any length
// ([MS-TDS] 2.2.5.2.3).
func (k kind) appendBytes(b, value []byte) []byte {
	if k.length != longest {
		value = value[:min(len(value), k.length)]
		return append(binary.LittleEndian.AppendUint16(b, uint16(len(value))), value...)
	}
	b = binary.LittleEndian.AppendUint64(b, uint64(len(value)))
	if len(value) > 0 {
		b = append(binary.LittleEndian.AppendUint32(b, uint32(len(value))), value...)
	}
	return binary.LittleEndian.AppendUint32(b, 0)
}

func asInt(value any) (int64, error) {
	switch v := value.(type) {
	case int64:
		return v, nil
	case bool:
		if v {
			return 1, nil
		}
		return 0, nil
	case float64:
		return int64(v), nil
	}
	return strconv.ParseInt(strings.TrimSpace(asText(value)), 10, 64)
}

func asFloat(value any) (float64, error) {
	switch v := value.(type) {
	case float64:
		return v, nil
	case int64:
		return float64(v), nil
	}
	return strconv.ParseFloat(strings.TrimSpace(asText(value)), 64)
}

func asText(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case []byte:
		return string(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return fmt.Sprint(value)
}

// encodeLatin1 is the code page of varchar; what is not in it becomes a question mark, as in SQL Server.
func encodeLatin1(s string) []byte {
	out := make([]byte, 0, len(s))
	for _, r := range s {
		if r > 0xFF {
			r = '?'
		}
		out = append(out, byte(r))
	}
	return out
}
