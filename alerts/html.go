package alerts

import (
	"html/template"
	"strings"
)

// htmlPart is the HTML of a mail: no pictures, no scripts, nothing fetched from elsewhere.
var htmlPart = template.Must(template.New("mail").Funcs(template.FuncMap{"code": code}).Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"></head>
<body style="font-family:sans-serif;font-size:15px;line-height:1.4;max-width:44em">
<p><strong>{{.Lead}}</strong></p>
{{with .Late}}<p>{{code .}}</p>
{{end -}}
{{range .Report}}<h3>{{.Title}}</h3>
<ul>
{{range .Lines}}<li>{{.}}</li>
{{end}}</ul>
{{else}}<h3>What happened</h3>
{{template "lines" .Happened}}
<p><small>Times: {{.Zone}}</small></p>
<h3>What failoverd did</h3>
{{template "lines" .Did}}
{{end -}}
{{with .Data}}<h3>The data</h3>
<ul>
{{range .}}<li>{{.}}</li>
{{end}}</ul>
{{end -}}
<h3>What you do next</h3>
<ol>
{{range .Next}}<li>{{code .}}</li>
{{end}}</ol>
{{if .Protection}}<h3>Not protected now</h3>
<ul>
{{range .Unprotected}}<li>{{.}}</li>
{{else}}<li>Nothing: every server would be taken over.</li>
{{end}}</ul>
{{end}}{{with .Dropped}}<p>{{code .}}</p>
{{end -}}
<hr>
<p><small>{{range .Footer}}{{.}}<br>
{{end}}</small></p>
</body></html>
{{define "lines"}}<table>
{{range .}}<tr><td style="white-space:nowrap;vertical-align:top">{{.Time}}</td><td>{{code .Text}}</td><td style="white-space:nowrap;vertical-align:top">{{.Took}}</td></tr>
{{end}}</table>{{end}}
`))

// code escapes a text and shows what stands in backquotes as a command.
func code(text string) template.HTML {
	parts := strings.Split(template.HTMLEscapeString(text), "`")
	for i := 1; i < len(parts); i += 2 {
		parts[i] = "<code>" + parts[i] + "</code>"
	}
	return template.HTML(strings.Join(parts, ""))
}
