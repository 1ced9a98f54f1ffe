package documents

import (
	"bytes"
	"fmt"
	"html/template"
	"io/fs"
	"net/url"
	"path"
	"strconv"
	"strings"
	"unicode"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/text"
)

// view is what the layout shows.
type view struct {
	Title    string
	Sections []section // of a long page, to begin with
	Body     template.HTML
}

// section is a heading that can be gone to.
type section struct{ ID, Title string }

// longPage is how many sections a page has before it begins with a list of them.
const longPage = 6

// render makes a page of a document. Documents are ours: the HTML in them is shown as it is.
func render(page *template.Template, files fs.FS, name string, source []byte) ([]byte, error) {
	md := goldmark.New(
		goldmark.WithExtensions(extension.Table),
		goldmark.WithParserOptions(parser.WithAutoHeadingID()),
		goldmark.WithRendererOptions(html.WithUnsafe(), html.WithXHTML()),
	)
	document := md.Parser().Parse(text.NewReader(source), parser.WithContext(parser.NewContext(parser.WithIDs(anchors{}))))
	v := view{Title: "failoverd"}
	var gone []*ast.Link // to files of the sources, which the program does not bring along
	err := ast.Walk(document, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Heading:
			title := plain(n, source)
			if n.Level == 1 {
				v.Title = title
			}
			if id, ok := n.AttributeString("id"); ok && n.Level == 2 {
				v.Sections = append(v.Sections, section{string(id.([]byte)), title})
			}
		case *ast.Link:
			to, err := target(files, name, string(n.Destination))
			if err != nil {
				return ast.WalkStop, fmt.Errorf("%s: %w", name, err)
			}
			if n.Destination = []byte(to); to == "" {
				gone = append(gone, n)
			}
		case *ast.Image:
			to, err := target(files, name, string(n.Destination))
			if err != nil {
				return ast.WalkStop, fmt.Errorf("%s: %w", name, err)
			}
			n.Destination = []byte(to)
		}
		return ast.WalkContinue, nil
	})
	if err != nil {
		return nil, err
	}
	for _, link := range gone {
		for child := link.FirstChild(); child != nil; child = link.FirstChild() {
			link.Parent().InsertBefore(link.Parent(), link, child)
		}
		link.Parent().RemoveChild(link.Parent(), link)
	}
	if len(v.Sections) < longPage {
		v.Sections = nil
	}
	var body, whole bytes.Buffer
	if err := md.Renderer().Render(&body, source, document); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	v.Body = template.HTML(body.String())
	if err := page.Execute(&whole, v); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return whole.Bytes(), nil
}

// target is where a link of a document leads among the pages; nowhere, where the program does not bring the file along.
func target(files fs.FS, document, link string) (string, error) {
	u, err := url.Parse(link)
	if err != nil {
		return "", fmt.Errorf("the link %q: %w", link, err)
	}
	if u.Scheme != "" || u.Path == "" {
		return link, nil
	}
	file := path.Join(path.Dir(document), u.Path)
	if _, err := fs.Stat(files, file); err != nil {
		return "", nil
	}
	to := Base + "/" + path.Base(file)
	if path.Ext(file) == ".md" {
		to = pageOf(file)
	}
	if u.Fragment != "" {
		to += "#" + u.Fragment
	}
	return to, nil
}

// plain is the text of a node.
func plain(n ast.Node, source []byte) string {
	var b strings.Builder
	_ = ast.Walk(n, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		switch n := n.(type) {
		case *ast.Text:
			if entering {
				b.Write(n.Segment.Value(source))
			}
		case *ast.String:
			if entering {
				b.Write(n.Value)
			}
		}
		return ast.WalkContinue, nil
	})
	return strings.TrimSpace(b.String())
}

// anchors names headings as GitHub does, where the documents are read as well.
type anchors map[string]int

// Generate names a heading by its text: "What is *kept*, and where" is what-is-kept-and-where; a second one of that name
// gets a number.
func (a anchors) Generate(heading []byte, _ ast.NodeKind) []byte {
	name := strings.Map(func(r rune) rune {
		switch r = unicode.ToLower(r); {
		case r == ' ':
			return '-'
		case r == '-', r == '_', unicode.IsLetter(r), unicode.IsDigit(r):
			return r
		}
		return -1
	}, strings.TrimSpace(withoutTags(string(heading))))
	n := a[name]
	a[name]++
	if n > 0 {
		name += "-" + strconv.Itoa(n)
	}
	return []byte(name)
}

// Put notes a name that the document gives itself.
func (a anchors) Put(name []byte) { a[string(name)]++ }

// withoutTags leaves out what stands between angle brackets: an anchor of its own in a heading.
func withoutTags(s string) string {
	for {
		i := strings.IndexByte(s, '<')
		j := strings.IndexByte(s, '>')
		if i < 0 || j < i {
			return s
		}
		s = s[:i] + s[j+1:]
	}
}
