package discovery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"slices"
	"sync"
	"time"
)

// The engines, by the words of the configuration.
const (
	postgres  = "postgres"
	mysql     = "mysql"
	sqlServer = "sqlserver"
)

// maxGreeting is how many bytes a server may say in one conversation.
const maxGreeting = 64 << 10

// errOther says that whatever listens is not what it was taken for.
var errOther = errors.New("it says what no database server says")

// asker recognises an engine by what it says to a stranger. dial opens one more connection to the same place.
type asker func(dial func() (net.Conn, error)) (Database, error)

func askers() map[string]asker {
	return map[string]asker{postgres: askPostgres, mysql: askMySQL, sqlServer: askSQLServer}
}

// lookForServers asks at each place which database server it is.
func (f *Found) lookForServers(ctx context.Context, further []uint16, l limits) {
	found := f.places(further)
	answers := make([]Found, len(found))
	var asked sync.WaitGroup
	free := make(chan struct{}, atOnce)
	for i, p := range found {
		free <- struct{}{}
		asked.Go(func() {
			defer func() { <-free }()
			answers[i].identify(ctx, p, l.greeting)
		})
	}
	asked.Wait()
	for _, a := range answers {
		f.add(a)
	}
}

// identify asks at one place, as the usual engine first. A stranger's question costs a server a line in its log, so
// there are no more of them than are needed; and MySQL goes before the others where nothing is usual, because it speaks
// first and the question is to listen.
func (f *Found) identify(ctx context.Context, p place, patience time.Duration) {
	order := []string{mysql, postgres, sqlServer}
	if i := slices.Index(order, p.first); i > 0 {
		order[0], order[i] = order[i], order[0]
	}
	if p.network == "unix" {
		order = order[:1] // its name says what it is
	}
	var why error
	for _, engine := range order {
		d, err := ask(ctx, p, askers()[engine], patience)
		if err == nil {
			d.Engine, d.Listens, d.Reachable = engine, p.shown, p.reachable
			f.Databases = append(f.Databases, d)
			return
		}
		if p.network == "unix" && errors.Is(err, fs.ErrNotExist) {
			return // the socket is in a container's file system, whose port is the way to it
		}
		if why == nil || errors.Is(why, errOther) {
			why = err
		}
	}
	f.miss("what listens on "+p.shown, why)
}

// ask puts one engine's question, with its time.
func ask(ctx context.Context, p place, question asker, patience time.Duration) (Database, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("it did not answer within %v", patience))
	defer cancel()
	var open []net.Conn
	defer func() {
		for _, c := range open {
			_ = c.Close()
		}
	}()
	d, err := question(func() (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, p.network, p.address)
		if err != nil {
			return nil, err
		}
		open = append(open, conn)
		deadline, _ := ctx.Deadline()
		return bounded{conn, io.LimitReader(conn, maxGreeting)}, conn.SetDeadline(deadline)
	})
	if timeout, is := errors.AsType[net.Error](err); is && timeout.Timeout() {
		<-ctx.Done() // the same moment by another clock
		err = context.Cause(ctx)
	}
	d.Version = tidy(d.Version)
	return d, err
}

// bounded is a connection that ends after so many bytes.
type bounded struct {
	net.Conn
	in io.Reader
}

func (b bounded) Read(p []byte) (int, error) { return b.in.Read(p) }

// short turns the end of a conversation in the middle of an answer into a verdict.
func short(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errOther
	}
	return err
}
