package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"failoverd/journal"
	"failoverd/plan"
	"failoverd/replicate/agent/discovery"
	"failoverd/status"
)

// routes registers everything and writes the description of it.
func (s *Server) routes() error {
	config := huma.DefaultConfig("failoverd", "1")
	config.Info.Description = "Watch over servers, take their role over when they die, give it back. " +
		"Errors are application/problem+json with a stable code and say whether anything was changed."
	// huma's page of documentation loads scripts from elsewhere, and its links to
	// schemas put keys into every document.
	config.DocsPath, config.SchemasPath, config.OpenAPIPath, config.CreateHooks = "", "", "", nil
	config.Formats = strictFormats()
	config.Components.Schemas = huma.NewMapRegistry("#/components/schemas/", schemaName)
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"token":   {Type: "http", Scheme: "bearer", Description: "A token made by `failoverd token create`. On the unix socket none is needed: the kernel says who asks."},
		"session": {Type: "apiKey", In: "cookie", Name: cookieName, Description: "The console's cookie: POST /session makes one out of a token."},
	}
	config.Tags = []*huma.Tag{{Name: "servers"}, {Name: "orders"}, {Name: "operations"}, {Name: "events"}, {Name: "alerts"}, {Name: "configuration"}, {Name: "agents"}, {Name: "access"}, {Name: "health"}}
	config.Transformers = []huma.Transformer{s.ownProblem}
	h := humago.New(s.mux, config)
	s.serverRoutes(h)
	s.operationRoutes(h)
	s.replicationRoutes(h)
	s.fileRoutes(h)
	s.eventRoutes(h)
	s.streamRoutes(h)
	s.probeRoutes(h)
	s.mailRoutes(h)
	s.incidentRoutes(h)
	s.configurationRoutes(h)
	s.serverFileRoutes(h)
	s.agentRoutes(h)
	s.tokenRoutes(h)
	s.sessionRoutes(h)
	s.healthRoutes()
	s.consoleRoutes()
	describeHealth(h)
	nullable(h.OpenAPI().Components.Schemas)
	tighten(h.OpenAPI().Components.Schemas.Map())
	// huma describes its own error, which is never sent.
	delete(h.OpenAPI().Components.Schemas.Map(), "ErrorModel")
	delete(h.OpenAPI().Components.Schemas.Map(), "ErrorDetail")
	text, err := json.Marshal(h.OpenAPI())
	if err != nil {
		return fmt.Errorf("describe the routes: %w", err)
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, text, "", "  "); err != nil {
		return fmt.Errorf("describe the routes: %w", err)
	}
	indented.WriteByte('\n')
	s.spec = indented.Bytes()
	return nil
}

// tighten says what tags cannot.
func tighten(schemas map[string]*huma.Schema) {
	// huma has no tag for what a list holds; the orders examine it.
	schemas["Decision"].Properties["accept"].Items.Pattern = checkName
	for _, name := range []string{"NewPairing", "Discovery"} {
		address := schemas[name].Properties["address"]
		address.Pattern, address.PatternDescription = endpointPattern, anEndpoint
		address.PrecomputeMessages()
	}
	// huma knows no condition; createToken examines it.
	schemas["NewToken"].Extensions = map[string]any{
		"if":   map[string]any{"properties": map[string]any{"role": map[string]any{"const": Admin}}},
		"then": map[string]any{"properties": map[string]any{"servers": map[string]any{"maxItems": 0}}},
	}
}

// nullable says of every key that points to a document that it may be null,
// which huma cannot say of a reference.
func nullable(schemas huma.Registry) {
	for name, schema := range schemas.Map() {
		t := schemas.TypeFromRef("#/components/schemas/" + name)
		if t == nil || t.Kind() != reflect.Struct {
			continue
		}
		for i := range t.NumField() {
			f := t.Field(i)
			key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			p := schema.Properties[key]
			if f.Type.Kind() != reflect.Pointer || p == nil || p.Ref == "" {
				continue
			}
			schema.Properties[key] = &huma.Schema{Description: f.Tag.Get("doc"), AnyOf: []*huma.Schema{{Ref: p.Ref}, {Type: "null"}}}
		}
	}
}

// schemaName names the schema of a type. Two packages have an Actor, and two a Tree.
func schemaName(t reflect.Type, hint string) string {
	if t == reflect.TypeFor[journal.Actor]() {
		return "EventActor"
	}
	name := huma.DefaultSchemaNamer(t, hint)
	if t.PkgPath() == reflect.TypeFor[discovery.Found]().PkgPath() {
		return "Found" + strings.TrimPrefix(name, "Found")
	}
	return name
}

// ownProblem turns huma's errors into problems, and names each problem's
// request. What was sent is not sent back: it may be a secret in a wrong place.
func (s *Server) ownProblem(ctx huma.Context, _ string, v any) (any, error) {
	p, own := v.(*Problem)
	if e, ok := v.(*huma.ErrorModel); ok {
		p, own = fromHuma(e), true
	}
	if !own {
		return v, nil
	}
	u := ctx.URL()
	return p.complete(u.Path, requestID(ctx.Context())), nil
}

// fromHuma is a problem for what huma found wrong with a request.
func fromHuma(e *huma.ErrorModel) *Problem {
	p := newProblem(e.Status, Invalid, "the request is not valid")
	switch e.Status {
	case http.StatusBadRequest:
		p.Code, p.Detail = BadRequest, "the body is not the JSON that is expected here"
	case http.StatusUnsupportedMediaType:
		p.Code, p.Detail = UnsupportedType, "the body must be application/json"
		return p
	case http.StatusRequestEntityTooLarge:
		p.Code, p.Detail = TooLarge, "the body is too large"
	case http.StatusRequestTimeout:
		p.Code, p.Detail = RequestTimeout, "the body did not arrive in time"
	case http.StatusUnprocessableEntity:
	default:
		return refused(e, true)
	}
	for _, d := range e.Errors {
		if d != nil {
			p.Errors = append(p.Errors, FieldProblem{Field: clip(d.Location, 100), Message: clip(d.Message, 300)})
		}
	}
	return p
}

// documentAdmitted describes the two answers of an order for an operation, which huma
// cannot see.
func documentAdmitted(h huma.API, path string) {
	schemas := h.OpenAPI().Components.Schemas
	op := h.OpenAPI().Paths[path].Post
	op.Responses["202"].Content = map[string]*huma.MediaType{"application/json": {Schema: schemas.Schema(reflect.TypeFor[plan.Record](), true, "")}}
	op.Responses["200"] = &huma.Response{
		Description: "The plan, with dry_run=true",
		Content:     map[string]*huma.MediaType{"application/json": {Schema: schemas.Schema(reflect.TypeFor[status.Preview](), true, "")}},
	}
}

// describeHealth describes the routes that huma does not serve.
func describeHealth(h huma.API) {
	schemas := h.OpenAPI().Components.Schemas
	for _, d := range []struct {
		path, id, summary string
		body              reflect.Type
		media             string
		open              bool
	}{
		{"/healthz", "get-health", "Does the decision loop run?", reflect.TypeFor[Alive](), "application/json", true},
		{"/readyz", "get-ready", "Is the configuration loaded and the journal open?", reflect.TypeFor[Alive](), "application/json", true},
		{"/protected/{name}", "get-protected", "Is this server protected? 200 only if a takeover would succeed now or the standby stands in", reflect.TypeFor[Protected](), "application/json", false},
		{"/metrics", "get-metrics", "Prometheus metrics", reflect.TypeFor[string](), "text/plain", false},
		{"/openapi.json", "get-openapi", "This description", reflect.TypeFor[map[string]any](), "application/openapi+json", true},
	} {
		content := map[string]*huma.MediaType{d.media: {Schema: schemas.Schema(d.body, true, "")}}
		op := &huma.Operation{
			OperationID: d.id, Method: http.MethodGet, Path: d.path, Tags: []string{"health"}, Summary: d.summary,
			Security:  []map[string][]string{},
			Responses: map[string]*huma.Response{"200": {Description: "OK", Content: content}, "429": problemResponse(h, 429)},
		}
		if !d.open {
			op.Security = []map[string][]string{{"token": {}}}
			op.Responses["401"], op.Responses["403"] = problemResponse(h, 401), problemResponse(h, 403)
		}
		if d.body == reflect.TypeFor[Alive]() || d.body == reflect.TypeFor[Protected]() {
			op.Responses["503"] = &huma.Response{Description: "No", Content: content}
		}
		if strings.Contains(d.path, "{") {
			op.Parameters = []*huma.Param{{Name: "name", In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString}}}
			op.Responses["404"] = problemResponse(h, 404)
		}
		h.OpenAPI().AddOperation(op)
	}
}
