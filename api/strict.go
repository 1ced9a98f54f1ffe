package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// strictFormats are JSON and nothing else, read strictly.
func strictFormats() map[string]huma.Format {
	f := huma.Format{Marshal: huma.DefaultJSONFormat.Marshal, Unmarshal: func(data []byte, v any) error {
		if err := checkKeys(data); err != nil {
			return err
		}
		return json.Unmarshal(data, v)
	}}
	return map[string]huma.Format{"application/json": f, "json": f}
}

// checkKeys refuses JSON of which two readers could think two things: a key
// that is there twice, and one in other letters than ours, which encoding/json
// would take for ours and the check against the description would not.
func checkKeys(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := checkValue(d, 0); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("more than one JSON document")
	}
	return nil
}

// deepest is how deep a request may be nested.
const deepest = 16

// checkValue reads one value.
func checkValue(d *json.Decoder, depth int) error {
	token, err := d.Token()
	if err != nil {
		return fmt.Errorf("not JSON at byte %d", d.InputOffset())
	}
	opening, ok := token.(json.Delim)
	if !ok {
		return nil
	}
	if depth == deepest {
		return fmt.Errorf("nested deeper than %d", deepest)
	}
	seen := map[string]bool{}
	for d.More() {
		if opening == '{' {
			key, err := d.Token()
			if err != nil {
				return fmt.Errorf("not JSON at byte %d", d.InputOffset())
			}
			name, _ := key.(string)
			if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
				return fmt.Errorf("unknown field %q", clip(name, 40))
			}
			if seen[name] {
				return fmt.Errorf("the field %q is there twice", name)
			}
			seen[name] = true
		}
		if err := checkValue(d, depth+1); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return fmt.Errorf("not JSON at byte %d", d.InputOffset())
	}
	return nil
}
