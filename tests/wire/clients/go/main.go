// HOST:PORT checks|cross|restart - prints a line for each check: those of this language alone,
// those that read what all languages have written, those that kill the server.
package main

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"sort"
	"strings"
	"sync"
	"time"

	hazelcast "github.com/hazelcast/hazelcast-go-client"
	"github.com/hazelcast/hazelcast-go-client/logger"
	"github.com/hazelcast/hazelcast-go-client/types"
)

const (
	patience = 20 * time.Second
	limit    = 60 * time.Second
)

var ctx = context.Background()

// check is a named function that returns a value; its line is "name: value". Errors are panics,
// and the line says which.
type check struct {
	name string
	run  func(t *bench) any
}

// bench is what one check may use: objects that no other check uses, a second client, and patience.
type bench struct {
	address string
	name    string
	client  *hazelcast.Client
	other   *hazelcast.Client
}

// got is the value of a call that succeeds.
func got[T any](value T, err error) any {
	try(err)
	return value
}

// as is got, with the type kept.
func as[T any](value T, err error) T {
	try(err)
	return value
}

func try(err error) {
	if err != nil {
		panic(err)
	}
}

// done is null, once the call has succeeded.
func done(err error) any {
	try(err)
	return nil
}

func list(values ...any) []any { return values }

// failure is the value of a call, or the error that it ends with, as a value.
func failure[T any](value T, err error) any {
	if err != nil {
		return failed(err)
	}
	return value
}

// until waits for the condition; the check goes on either way and shows what there is.
func until(condition func() bool) bool {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if condition() {
			return true
		}
	}
	return false
}

// heard is what listeners write down.
type heard struct {
	lock  sync.Mutex
	lines []string
}

func (h *heard) add(line string) {
	h.lock.Lock()
	defer h.lock.Unlock()
	h.lines = append(h.lines, line)
}

func (h *heard) all() []string {
	h.lock.Lock()
	defer h.lock.Unlock()
	return append([]string{}, h.lines...)
}

// gathered is what came, once `count` came; a little later, so that one too many is seen as well.
func (h *heard) gathered(count int) said {
	until(func() bool { return len(h.all()) >= count })
	time.Sleep(150 * time.Millisecond)
	lines := h.all()
	sort.Strings(lines)
	return said("[" + strings.Join(lines, ", ") + "]")
}

// begun is a call that may block, on a goroutine of its own.
type begun struct {
	ended  chan struct{}
	result any
}

func begin(call func() any) *begun {
	b := &begun{ended: make(chan struct{})}
	go func() {
		defer close(b.ended)
		defer func() {
			if caught := recover(); caught != nil {
				b.result = failed(caught)
			}
		}()
		b.result = call()
	}()
	return b
}

func (b *begun) state(within time.Duration) string {
	select {
	case <-b.ended:
		return "done"
	case <-time.After(within):
		return "waiting"
	}
}

func (b *begun) get() any {
	<-b.ended
	return b.result
}

// connect starts a client of its own.
func (t *bench) connect(change func(config *hazelcast.Config)) *hazelcast.Client {
	config := hazelcast.Config{}
	config.Cluster.Name = "dev"
	config.Cluster.Network.SetAddresses(t.address)
	config.Cluster.ConnectionStrategy.Timeout = types.Duration(time.Minute)
	config.Logger.Level = logger.OffLevel
	register(&config.Serialization)
	if change != nil {
		change(&config)
	}
	return as(hazelcast.StartNewClientWithConfig(ctx, config))
}

func (t *bench) unique(kind string) string { return kind + "go." + t.name }

func (t *bench) mapNow() *hazelcast.Map { return as(t.client.GetMap(ctx, t.unique(""))) }

// sameMap is the same map, as another client sees it.
func (t *bench) sameMap() *hazelcast.Map { return as(t.other.GetMap(ctx, t.unique(""))) }

func (t *bench) filled(pairs ...types.Entry) *hazelcast.Map {
	m := t.mapNow()
	try(m.PutAll(ctx, pairs...))
	return m
}

func abc() []types.Entry {
	return []types.Entry{types.NewEntry("a", "one"), types.NewEntry("b", "two"), types.NewEntry("c", "three")}
}

func outcome(c check, t *bench) string {
	lines := make(chan string, 1)
	go func() {
		defer func() {
			if caught := recover(); caught != nil {
				if os.Getenv("VERBOSE") != "" {
					fmt.Fprintf(os.Stderr, "%s: %v\n%s", c.name, caught, debug.Stack())
				}
				lines <- string(failed(caught))
			}
		}()
		lines <- text(c.run(t))
	}()
	select {
	case line := <-lines:
		return line
	case <-time.After(limit):
		return "error: DoesNotEnd"
	}
}

func run(address string, checks []check) {
	all := &bench{address: address}
	all.client, all.other = all.connect(nil), all.connect(nil)
	for _, c := range checks {
		if strings.HasPrefix(c.name, os.Getenv("ONLY")) {
			t := &bench{address: address, name: c.name, client: all.client, other: all.other}
			fmt.Printf("%s: %s\n", c.name, outcome(c, t))
		}
	}
	try(all.client.Shutdown(ctx))
	try(all.other.Shutdown(ctx))
}

func main() {
	switch os.Args[2] {
	case "checks":
		var checks []check
		for _, more := range [][]check{maps(), locks(), listeners(), values(), queries(), structures(), clusters(), writes()} {
			checks = append(checks, more...)
		}
		run(os.Args[1], checks)
	case "cross":
		run(os.Args[1], reads())
	default:
		run(os.Args[1], restarts())
	}
}
