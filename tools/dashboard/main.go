// Dashboard reads a Grafana dashboard on its input with Grafana's own types, strictly: a key that they do not have, a value of
// another type and a rule of theirs that is broken are told, and end it with status 1.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/statetimeline"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

func main() {
	if err := examine(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "dashboard:", err)
		os.Exit(1)
	}
}

// examine says what Grafana's types find wrong with a dashboard.
func examine(in io.Reader) error {
	text, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	// The kinds of panels and of sources that the dashboard has. All that there are take a minute to compile.
	runtime := cog.NewRuntime()
	for _, v := range []variants.PanelcfgConfig{stat.VariantConfig(), statetimeline.VariantConfig(), timeseries.VariantConfig()} {
		runtime.RegisterPanelcfgVariant(v)
	}
	runtime.RegisterDataqueryVariant(prometheus.VariantConfig())
	var d dashboard.Dashboard
	if err := told(d.UnmarshalJSONStrict(text)); err != nil {
		return err
	}
	// The library loses the panels on the way, so that they are looked at by themselves.
	var parts struct{ Panels []json.RawMessage }
	if err := json.Unmarshal(text, &parts); err != nil {
		return err
	}
	for i, part := range parts.Panels {
		if err := panel(runtime, part); err != nil {
			return fmt.Errorf("panels[%d]: %w", i, err)
		}
	}
	return told(d.Validate())
}

// panel says what is wrong with a panel that is no row.
func panel(runtime *cog.Runtime, text []byte) error {
	var row struct{ Type string }
	if err := json.Unmarshal(text, &row); err != nil || row.Type == "row" {
		return err
	}
	var p dashboard.Panel
	if err := told(p.UnmarshalJSONStrict(text)); err != nil {
		return err
	}
	// The options of a kind that is not listed above have not been looked at.
	if _, known := runtime.ConfigForPanelcfgVariant(p.Type); !known {
		return fmt.Errorf("the kind %q is not known here", p.Type)
	}
	return told(p.Validate())
}

// told is an error, if there is one: the library returns lists of errors that are empty and not nil.
func told(err error) error {
	var list cog.BuildErrors
	if errors.As(err, &list) && len(list) == 0 {
		return nil
	}
	return err
}
