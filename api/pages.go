package api

import (
	"io/fs"

	"failoverd/api/console"
	"failoverd/api/documents"
)

// consoleRoutes are the console's own files. Anybody may have them: what they show comes from the other routes.
func (s *Server) consoleRoutes() {
	for at, part := range console.Parts() {
		if at == "/" {
			at = "/{$}"
		}
		s.mux.Handle("GET "+at, part)
	}
}

// documentRoutes are the documents as pages. Anybody may have them: they say nothing of this standby.
func (s *Server) documentRoutes(files fs.FS) error {
	if files == nil {
		return nil
	}
	parts, err := documents.Parts(files)
	if err != nil {
		return err
	}
	for at, part := range parts {
		s.mux.Handle("GET "+at, part)
	}
	return nil
}
