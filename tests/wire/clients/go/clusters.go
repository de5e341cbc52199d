package main

import (
	"os"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"

	hazelcast "github.com/hazelcast/hazelcast-go-client"
	"github.com/hazelcast/hazelcast-go-client/types"
)

func last(service string) string { return service[strings.LastIndex(service, ":")+1:] }

// clusters are the checks of what is not one object: the objects there are, the ways to connect.
func clusters() []check {
	return []check{
		{"objects.list", func(t *bench) any {
			as(t.client.GetMap(ctx, t.unique("")))
			as(t.client.GetQueue(ctx, t.unique("")))
			as(t.client.GetPNCounter(ctx, t.unique("")))
			var names []string
			for _, object := range as(t.other.GetDistributedObjectsInfo(ctx)) {
				if strings.Contains(object.Name, t.unique("")) {
					names = append(names, last(object.ServiceName)+" "+object.Name)
				}
			}
			sort.Strings(names)
			return names
		}},
		{"objects.listener", func(t *bench) any {
			h := &heard{}
			id := as(t.client.AddDistributedObjectListener(ctx, func(e hazelcast.DistributedObjectNotified) {
				if e.ObjectName == t.unique("") {
					h.add(strings.ToLower(string(e.EventType)) + " " + last(e.ServiceName))
				}
			}))
			try(as(t.other.GetMap(ctx, t.unique(""))).Destroy(ctx))
			try(as(t.other.GetQueue(ctx, t.unique(""))).Destroy(ctx))
			told := h.gathered(4)
			try(t.client.RemoveDistributedObjectListener(ctx, id))
			return told
		}},
		{"objects.destroy_empties", func(t *bench) any {
			m := t.filled(abc()...)
			try(m.Destroy(ctx))
			return list(got(t.mapNow().Size(ctx)), got(t.mapNow().Get(ctx, "a")))
		}},
		{"cluster.wrong_name_is_refused", func(t *bench) any {
			t.connect(func(config *hazelcast.Config) {
				config.Cluster.Name = "another"
				config.Cluster.ConnectionStrategy.Timeout = types.Duration(time.Second)
			})
			return nil
		}},
		{"cluster.client_has_a_name", func(t *bench) any {
			client := t.connect(func(config *hazelcast.Config) {
				config.ClientName = "named"
				config.SetLabels("red", "blue")
			})
			defer client.Shutdown(ctx)
			return client.Name()
		}},
		{"cluster.lifecycle", func(t *bench) any {
			client := t.connect(nil)
			running := client.Running()
			try(client.Shutdown(ctx))
			return list(running, client.Running(), failure(client.GetMap(ctx, "any")))
		}},
		{"cluster.statistics", func(t *bench) any {
			client := t.connect(func(config *hazelcast.Config) {
				config.Stats = hazelcast.StatsConfig{Enabled: true, Period: types.Duration(time.Second)}
			})
			defer client.Shutdown(ctx)
			m := as(client.GetMap(ctx, t.unique("")))
			try(m.Set(ctx, "a", "one"))
			time.Sleep(2500 * time.Millisecond)
			return got(m.Get(ctx, "a"))
		}},
		{"unisocket.map", func(t *bench) any {
			client := unisocket(t)
			defer client.Shutdown(ctx)
			m := as(client.GetMap(ctx, t.unique("")))
			try(m.PutAll(ctx, numbered(50)...))
			return list(got(m.Size(ctx)), entries(as(m.GetAll(ctx, "k0", "k49"))), got(m.ContainsKey(ctx, "k7")), got(m.Remove(ctx, "k7")))
		}},
		{"unisocket.listener", func(t *bench) any {
			client, h := unisocket(t), &heard{}
			defer client.Shutdown(ctx)
			m := as(client.GetMap(ctx, t.unique("")))
			as(m.AddListener(ctx, hazelcast.MapListener{
				EntryAdded: func(e *hazelcast.EntryNotified) { h.add(text(e.Key) + " " + text(e.Value)) },
			}, true))
			try(t.mapNow().PutAll(ctx, types.NewEntry("a", "one"), types.NewEntry("b", "two")))
			return h.gathered(2)
		}},
		{"unisocket.queue_and_lock", func(t *bench) any {
			client := unisocket(t)
			defer client.Shutdown(ctx)
			queue := as(client.GetQueue(ctx, t.unique("")))
			as(queue.Add(ctx, "a"))
			m := as(client.GetMap(ctx, t.unique("")))
			try(m.Lock(m.NewLockContext(ctx), "a"))
			other := t.sameMap()
			return list(got(queue.Poll(ctx)), got(other.TryLock(other.NewLockContext(ctx), "a")))
		}},
	}
}

func unisocket(t *bench) *hazelcast.Client {
	return t.connect(func(config *hazelcast.Config) { config.Cluster.Unisocket = true })
}

// restarts is the check that kills the server. Whoever started it starts it again, empty, as soon
// as it is gone. Neither listeners nor lifecycle events are asked about: what this client makes of
// them depends on which of its attempts comes through first.
func restarts() []check {
	return []check{{"restart.client_comes_back", func(t *bench) any {
		client := t.connect(func(config *hazelcast.Config) { config.Cluster.ConnectionStrategy.Timeout = 0 })
		defer client.Shutdown(ctx)
		m := as(client.GetMap(ctx, t.unique("")))
		try(m.Set(ctx, "before", "x"))
		pid := as(strconv.Atoi(strings.TrimSpace(string(as(os.ReadFile(os.Getenv("SERVER_PID_FILE")))))))
		try(syscall.Kill(pid, syscall.SIGKILL))
		until(func() bool {
			value, err := m.Get(ctx, "before")
			return err == nil && value == nil
		})
		try(m.Set(ctx, "after", "y"))
		return list(got(m.Get(ctx, "before")), got(m.Get(ctx, "after")))
	}}}
}
