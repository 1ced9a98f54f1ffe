package api

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/net/netutil"
	"golang.org/x/sync/errgroup"
)

// ErrSocketInUse says that another daemon listens on the socket.
var ErrSocketInUse = errors.New("another failoverd listens on the socket")

// ListenSocket listens on a unix socket that its owner and the members of group
// may open (no group: the group of the process). A socket that was left behind
// is replaced; one that somebody listens on is not.
func ListenSocket(path, group string) (net.Listener, error) {
	l, err := listenSocket(path, group)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	return l, nil
}

// listenSocket makes the socket under another name and moves it into place, so
// that it never can be opened with a wrong mode.
func listenSocket(path, group string) (net.Listener, error) {
	if err := checkDirectory(filepath.Dir(path)); err != nil {
		return nil, err
	}
	gid := -1
	if group != "" {
		g, err := user.LookupGroup(group)
		if err != nil {
			return nil, err
		}
		if gid, err = strconv.Atoi(g.Gid); err != nil {
			return nil, err
		}
	}
	if err := checkStale(path); err != nil {
		return nil, err
	}
	fresh := path + ".new"
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: fresh, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false)
	if gid >= 0 {
		err = os.Chown(fresh, -1, gid)
	}
	if err == nil {
		err = os.Chmod(fresh, 0o660)
	}
	var made fs.FileInfo
	if err == nil {
		made, err = os.Lstat(fresh)
	}
	if err == nil {
		err = os.Rename(fresh, path)
	}
	if err != nil {
		os.Remove(fresh)
		return nil, errors.Join(err, l.Close())
	}
	return &socketListener{UnixListener: l, path: path, made: made}, nil
}

// socketListener takes its socket away when it closes, unless another daemon's
// is there by then.
type socketListener struct {
	*net.UnixListener
	path string
	made fs.FileInfo
	once sync.Once
}

// Close stops listening.
func (l *socketListener) Close() error {
	l.once.Do(func() {
		if there, err := os.Lstat(l.path); err == nil && os.SameFile(there, l.made) {
			os.Remove(l.path)
		}
	})
	return l.UnixListener.Close()
}

// checkDirectory refuses a directory in which somebody else could put a socket
// of his own in the place of ours.
func checkDirectory(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || !ok {
		return fmt.Errorf("%s is not a directory", dir)
	}
	if owner.Uid != 0 && int(owner.Uid) != os.Geteuid() {
		return fmt.Errorf("the directory %s belongs to user %d, neither to root nor to failoverd", dir, owner.Uid)
	}
	if info.Mode().Perm()&0o002 != 0 && info.Mode()&fs.ModeSticky == 0 {
		return fmt.Errorf("everybody may write in the directory %s", dir)
	}
	return nil
}

// checkStale tells whether the name may be taken: nothing is there, or a socket
// that nobody listens on.
func checkStale(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return errors.New("there is a file that is not a socket")
	}
	c, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		c.Close()
		return ErrSocketInUse
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		return nil
	}
	return fmt.Errorf("find out whether somebody listens: %w", err)
}

// ListenTLS listens for TLS connections. At most connections are open at a time
// (0: 1500), so that a crowd cannot take the daemon's descriptors.
func ListenTLS(at netip.AddrPort, c tls.Certificate, connections int) (net.Listener, error) {
	l, err := net.Listen("tcp", at.String())
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", at, err)
	}
	orElse(&connections, Limits{}.withDefaults().Connections)
	return tls.NewListener(netutil.LimitListener(l, connections), &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{c}, NextProtos: []string{"http/1.1"},
	}), nil
}

// Run answers on the listeners until ctx ends, and returns when the last answer
// has been given or has been cut off. It may be called once.
func (s *Server) Run(ctx context.Context, listeners ...net.Listener) error {
	base, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	server := &http.Server{
		Handler: s.handler, BaseContext: func(net.Listener) context.Context { return base },
		ConnContext:       s.recognise,
		ReadHeaderTimeout: s.limits.HeaderTime, IdleTimeout: s.limits.IdleTime, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	g, running := errgroup.WithContext(ctx)
	for _, l := range listeners {
		g.Go(func() error {
			if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				return fmt.Errorf("answer on %s: %w", l.Addr(), err)
			}
			return nil
		})
	}
	g.Go(func() error {
		<-running.Done()
		close(s.closing) // Streams would wait for ever.
		grace, cancel := context.WithTimeout(base, 5*time.Second)
		defer cancel()
		if err := server.Shutdown(grace); err != nil {
			cut()
			server.Close()
		}
		return nil
	})
	return g.Wait()
}

// recognise notes who has connected on the unix socket.
func (s *Server) recognise(ctx context.Context, c net.Conn) context.Context {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return ctx
	}
	p, err := peerOf(u)
	if err != nil {
		s.log.Error("a connection on the socket", "err", err)
		return ctx // It is nobody's, and refused.
	}
	return context.WithValue(ctx, peerKey, p)
}
