package api

import "failoverd/api/console"

// consoleRoutes are the console's own files. Anybody may have them: what they show comes from the other routes.
func (s *Server) consoleRoutes() {
	for at, part := range console.Parts() {
		if at == "/" {
			at = "/{$}"
		}
		s.mux.Handle("GET "+at, part)
	}
}
