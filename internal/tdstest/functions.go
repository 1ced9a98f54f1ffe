package tdstest

import (
	"database/sql/driver"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math/big"
	"strings"
	"time"

	"modernc.org/sqlite"
)

// newDriver makes a SQLite that has the functions of T-SQL that SQLite lacks, under names that begin with tsql_.
func newDriver() (*sqlite.Driver, error) {
	d := &sqlite.Driver{}
	scalar := map[string]struct {
		args int32
		f    func(args []driver.Value) (driver.Value, error)
	}{
		"tsql_binary_checksum": {-1, binaryChecksum},
		"tsql_type_name":       {1, typeName},
		"tsql_datediff":        {3, dateDiff},
		"tsql_decimal":         {2, asDecimal},
	}
	for name, s := range scalar {
		if err := d.RegisterDeterministicScalarFunction(name, s.args,
			func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) { return s.f(args) }); err != nil {
			return nil, err
		}
	}
	aggregates := map[string]func() sqlite.AggregateFunction{
		"tsql_checksum_agg": func() sqlite.AggregateFunction { return &checksumAggregate{} },
		"tsql_sum":          func() sqlite.AggregateFunction { return &exactSum{} },
	}
	for name, begin := range aggregates {
		if err := d.RegisterFunction(name, &sqlite.FunctionImpl{
			NArgs: 1, MakeAggregate: func(sqlite.FunctionContext) (sqlite.AggregateFunction, error) { return begin(), nil },
		}); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// binaryChecksum stands for BINARY_CHECKSUM: 32 bits of every value and its kind.
func binaryChecksum(args []driver.Value) (driver.Value, error) {
	h := fnv.New32a()
	for _, a := range args {
		kind, bytes := byte('n'), []byte(nil)
		switch a := a.(type) {
		case nil:
		case []byte:
			kind, bytes = 'b', a
		case string:
			kind, bytes = 't', []byte(a)
		default:
			kind, bytes = 'v', []byte(asText(a))
		}
		_, _ = h.Write(binary.LittleEndian.AppendUint32([]byte{kind}, uint32(len(bytes))))
		_, _ = h.Write(bytes)
	}
	return int64(int32(h.Sum32())), nil
}

// dateDiff is DATEDIFF(second, a, b).
func dateDiff(args []driver.Value) (driver.Value, error) {
	if unit := asText(args[0]); !strings.EqualFold(unit, "second") {
		return nil, fmt.Errorf("DATEDIFF by %s", unit)
	}
	if args[1] == nil || args[2] == nil {
		return nil, nil
	}
	from, err := asTime(args[1])
	if err != nil {
		return nil, err
	}
	to, err := asTime(args[2])
	if err != nil {
		return nil, err
	}
	return int64(to.Truncate(time.Second).Sub(from.Truncate(time.Second)) / time.Second), nil
}

// asDecimal is a number with as many digits after its point as its type has.
func asDecimal(args []driver.Value) (driver.Value, error) {
	if args[0] == nil {
		return nil, nil
	}
	r, ok := new(big.Rat).SetString(asText(args[0]))
	if !ok {
		return nil, fmt.Errorf("%v is no number", args[0])
	}
	scale, err := asInt(args[1])
	return r.FloatString(int(scale)), err
}

// checksumAggregate is CHECKSUM_AGG: the exclusive or of its values.
type checksumAggregate struct {
	any bool
	sum int64
}

func (c *checksumAggregate) Step(_ *sqlite.FunctionContext, args []driver.Value) error {
	if args[0] == nil {
		return nil
	}
	n, err := asInt(args[0])
	c.any, c.sum = true, c.sum^n
	return err
}

func (c *checksumAggregate) WindowInverse(f *sqlite.FunctionContext, args []driver.Value) error {
	return c.Step(f, args)
}

func (c *checksumAggregate) WindowValue(*sqlite.FunctionContext) (driver.Value, error) {
	if !c.any {
		return nil, nil
	}
	return c.sum, nil
}

func (c *checksumAggregate) Final(*sqlite.FunctionContext) {}

// exactSum is SUM: of whole numbers a whole number, of decimals a decimal with their digits, of others a float.
type exactSum struct {
	any, floats, decimals bool
	whole                 int64
	exact                 big.Rat
	float                 float64
	scale                 int
}

func (e *exactSum) Step(_ *sqlite.FunctionContext, args []driver.Value) error {
	switch v := args[0].(type) {
	case nil:
		return nil
	case int64:
		e.whole += v
		e.float += float64(v)
		e.exact.Add(&e.exact, new(big.Rat).SetInt64(v))
	case float64:
		e.floats = true
		e.float += v
	default:
		text := asText(v)
		r, ok := new(big.Rat).SetString(text)
		if !ok {
			return fmt.Errorf("SUM of %q", text)
		}
		e.decimals = true
		_, digits, _ := strings.Cut(text, ".")
		e.scale = max(e.scale, len(digits))
		e.exact.Add(&e.exact, r)
	}
	e.any = true
	return nil
}

func (e *exactSum) WindowInverse(*sqlite.FunctionContext, []driver.Value) error {
	return fmt.Errorf("SUM over a window")
}

func (e *exactSum) WindowValue(*sqlite.FunctionContext) (driver.Value, error) {
	switch {
	case !e.any:
		return nil, nil
	case e.floats:
		return e.float, nil
	case e.decimals:
		return e.exact.FloatString(e.scale), nil
	}
	return e.whole, nil
}

func (e *exactSum) Final(*sqlite.FunctionContext) {}

// systemTypes are the numbers of types in sys.columns.
func systemTypes() map[string]int64 {
	return map[string]int64{
		"image": 34, "text": 35, "uniqueidentifier": 36, "date": 40, "time": 41, "datetime2": 42, "datetimeoffset": 43,
		"tinyint": 48, "smallint": 52, "int": 56, "smalldatetime": 58, "real": 59, "money": 60, "datetime": 61, "float": 62,
		"ntext": 99, "bit": 104, "decimal": 106, "numeric": 108, "smallmoney": 122, "bigint": 127, "varbinary": 165,
		"varchar": 167, "binary": 173, "char": 175, "nvarchar": 231, "sysname": 231, "nchar": 239, "xml": 241,
	}
}

// typeName is TYPE_NAME.
func typeName(args []driver.Value) (driver.Value, error) {
	for name, number := range systemTypes() {
		if args[0] == number && name != "sysname" {
			return name, nil
		}
	}
	return nil, nil
}
