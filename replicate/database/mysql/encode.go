package mysql

import (
	"database/sql/driver"
	"fmt"
	"strconv"
)

// appendLine appends a row as LOAD DATA reads it: tabs between, a backslash before what would end something, \N for
// nulls, and bytes as they are.
func appendLine(line []byte, values []driver.Value) ([]byte, error) {
	for i, value := range values {
		if i > 0 {
			line = append(line, '\t')
		}
		switch v := value.(type) {
		case nil:
			line = append(line, `\N`...)
		case []byte:
			line = appendEscaped(line, v)
		case int64:
			line = strconv.AppendInt(line, v, 10)
		case uint64:
			line = strconv.AppendUint(line, v, 10)
		case float64: // The shortest text that is this number again.
			line = strconv.AppendFloat(line, v, 'g', -1, 64)
		default:
			return nil, fmt.Errorf("the driver gives a %T", value)
		}
	}
	return append(line, '\n'), nil
}

func appendEscaped(line, value []byte) []byte {
	begin := 0
	for i, c := range value {
		if c == '\\' || c == '\t' || c == '\n' {
			line = append(append(line, value[begin:i]...), '\\')
			begin = i
		}
	}
	return append(line, value[begin:]...)
}
