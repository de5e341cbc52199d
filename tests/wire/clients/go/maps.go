package main

import (
	"fmt"
	"strings"
	"time"

	hazelcast "github.com/hazelcast/hazelcast-go-client"
	"github.com/hazelcast/hazelcast-go-client/nearcache"
	"github.com/hazelcast/hazelcast-go-client/predicate"
	"github.com/hazelcast/hazelcast-go-client/types"
)

type onMap = func(m *hazelcast.Map) any

func filled(run onMap) func(t *bench) any {
	return func(t *bench) any { return run(t.filled(abc()...)) }
}
func empty(run onMap) func(t *bench) any { return func(t *bench) any { return run(t.mapNow()) } }

// two is a check over a filled map, and the same as another client sees it.
func two(run func(m, other *hazelcast.Map) any) func(t *bench) any {
	return func(t *bench) any { return run(t.filled(abc()...), t.sameMap()) }
}

func gone(m *hazelcast.Map, key string) bool {
	return until(func() bool { return !as(m.ContainsKey(ctx, key)) })
}

func content(m *hazelcast.Map) any { return entries(as(m.GetEntrySet(ctx))) }

func numbered(count int) []types.Entry {
	pairs := make([]types.Entry, count)
	for i := range pairs {
		pairs[i] = types.NewEntry(fmt.Sprintf("k%d", i), int64(i))
	}
	return pairs
}

// maps are the checks of a map, entry by entry.
func maps() []check {
	return []check{
		{"map.get_missing", empty(func(m *hazelcast.Map) any { return got(m.Get(ctx, "nobody")) })},
		{"map.put_returns_old", empty(func(m *hazelcast.Map) any {
			return list(got(m.Put(ctx, "a", "one")), got(m.Put(ctx, "a", "two")), got(m.Get(ctx, "a")))
		})},
		{"map.put_null_key", empty(func(m *hazelcast.Map) any { return failure(m.Put(ctx, nil, "x")) })},
		{"map.put_null_value", empty(func(m *hazelcast.Map) any { return failure(m.Put(ctx, "a", nil)) })},
		{"map.set_overwrites", filled(func(m *hazelcast.Map) any {
			return list(done(m.Set(ctx, "a", "new")), got(m.Get(ctx, "a")))
		})},
		{"map.empty_key_and_value", empty(func(m *hazelcast.Map) any {
			try(m.Set(ctx, "", ""))
			return list(got(m.Get(ctx, "")), got(m.Size(ctx)))
		})},
		{"map.remove_returns_old", filled(func(m *hazelcast.Map) any {
			return list(got(m.Remove(ctx, "a")), got(m.Remove(ctx, "a")), got(m.Size(ctx)))
		})},
		{"map.remove_if_same", filled(func(m *hazelcast.Map) any {
			return list(got(m.RemoveIfSame(ctx, "a", "two")), got(m.RemoveIfSame(ctx, "a", "one")), got(m.RemoveIfSame(ctx, "a", "one")))
		})},
		{"map.delete", filled(func(m *hazelcast.Map) any {
			return list(done(m.Delete(ctx, "a")), done(m.Delete(ctx, "nobody")), got(m.Size(ctx)))
		})},
		{"map.replace", filled(func(m *hazelcast.Map) any {
			return list(got(m.Replace(ctx, "a", "new")), got(m.Replace(ctx, "nobody", "x")), got(m.Get(ctx, "a")), got(m.Get(ctx, "nobody")))
		})},
		{"map.replace_if_same", filled(func(m *hazelcast.Map) any {
			return list(got(m.ReplaceIfSame(ctx, "a", "two", "x")), got(m.ReplaceIfSame(ctx, "a", "one", "new")),
				got(m.ReplaceIfSame(ctx, "nobody", "one", "x")), got(m.Get(ctx, "a")))
		})},
		{"map.put_if_absent", filled(func(m *hazelcast.Map) any {
			return list(got(m.PutIfAbsent(ctx, "a", "x")), got(m.PutIfAbsent(ctx, "d", "four")), got(m.Get(ctx, "a")), got(m.Get(ctx, "d")))
		})},
		{"map.put_transient", filled(func(m *hazelcast.Map) any {
			return list(done(m.PutTransient(ctx, "a", "new")), got(m.Get(ctx, "a")))
		})},
		{"map.try_put", filled(func(m *hazelcast.Map) any {
			return list(got(m.TryPutWithTimeout(ctx, "a", "new", time.Second)), got(m.Get(ctx, "a")))
		})},
		{"map.try_put_locked", two(func(m, other *hazelcast.Map) any {
			try(other.Lock(other.NewLockContext(ctx), "a"))
			return list(got(m.TryPutWithTimeout(ctx, "a", "new", 100*time.Millisecond)), got(m.Get(ctx, "a")))
		})},
		{"map.try_remove", filled(func(m *hazelcast.Map) any {
			return list(got(m.TryRemoveWithTimeout(ctx, "a", time.Second)), got(m.TryRemoveWithTimeout(ctx, "nobody", time.Second)), got(m.Size(ctx)))
		})},
		{"map.contains_key", filled(func(m *hazelcast.Map) any {
			return list(got(m.ContainsKey(ctx, "a")), got(m.ContainsKey(ctx, "nobody")))
		})},
		{"map.contains_value", filled(func(m *hazelcast.Map) any {
			return list(got(m.ContainsValue(ctx, "one")), got(m.ContainsValue(ctx, "nothing")))
		})},
		{"map.get_all", filled(func(m *hazelcast.Map) any { return entries(as(m.GetAll(ctx, "a", "c", "nobody"))) })},
		{"map.put_all", filled(func(m *hazelcast.Map) any {
			try(m.PutAll(ctx, types.NewEntry("a", "new"), types.NewEntry("d", "four")))
			return content(m)
		})},
		{"map.size_and_empty", empty(func(m *hazelcast.Map) any {
			before := list(got(m.Size(ctx)), got(m.IsEmpty(ctx)))
			try(m.Set(ctx, "a", 1))
			return append(before, got(m.Size(ctx)), got(m.IsEmpty(ctx)))
		})},
		{"map.clear", filled(func(m *hazelcast.Map) any { return list(done(m.Clear(ctx)), got(m.Size(ctx)), got(m.Get(ctx, "a"))) })},
		{"map.evict", filled(func(m *hazelcast.Map) any {
			return list(got(m.Evict(ctx, "a")), got(m.Evict(ctx, "nobody")), got(m.Get(ctx, "a")), got(m.Size(ctx)))
		})},
		{"map.evict_all_spares_locked", filled(func(m *hazelcast.Map) any {
			try(m.Lock(m.NewLockContext(ctx), "a"))
			try(m.EvictAll(ctx))
			return content(m)
		})},
		{"map.flush", filled(func(m *hazelcast.Map) any { return done(m.Flush(ctx)) })},
		{"map.key_set", filled(func(m *hazelcast.Map) any { return setOf(as(m.GetKeySet(ctx))) })},
		{"map.values", filled(func(m *hazelcast.Map) any { return setOf(as(m.GetValues(ctx))) })},
		{"map.entry_set", filled(content)},
		{"map.all_of_an_empty_map", empty(func(m *hazelcast.Map) any {
			return list(setOf(as(m.GetKeySet(ctx))), setOf(as(m.GetValues(ctx))), content(m))
		})},
		{"map.remove_all", filled(func(m *hazelcast.Map) any {
			try(m.RemoveAll(ctx, predicate.Like("this", "t%")))
			return content(m)
		})},
		{"map.large_value", empty(func(m *hazelcast.Map) any {
			try(m.Set(ctx, "a", strings.Repeat("x", 1000000)))
			return len(as(m.Get(ctx, "a")).(string))
		})},
		{"map.many_entries", empty(func(m *hazelcast.Map) any {
			try(m.PutAll(ctx, numbered(2000)...))
			sum, all := int64(0), as(m.GetValues(ctx))
			for _, value := range all {
				sum += value.(int64)
			}
			return list(got(m.Size(ctx)), len(all), sum)
		})},
		{"map.hundred_at_once", empty(hundredAtOnce)},
		{"map.put_with_ttl", empty(func(m *hazelcast.Map) any {
			try(m.SetWithTTL(ctx, "b", "two", time.Second))
			as(m.PutWithTTL(ctx, "a", "one", time.Second))
			return list(got(m.Get(ctx, "a")), gone(m, "a"), got(m.Get(ctx, "a")), gone(m, "b"))
		})},
		{"map.put_if_absent_with_ttl", empty(func(m *hazelcast.Map) any {
			return list(got(m.PutIfAbsentWithTTL(ctx, "a", "one", time.Second)), got(m.Get(ctx, "a")), gone(m, "a"), got(m.PutIfAbsent(ctx, "a", "two")))
		})},
		{"map.put_transient_with_ttl", empty(func(m *hazelcast.Map) any {
			try(m.PutTransientWithTTL(ctx, "a", "one", time.Second))
			return gone(m, "a")
		})},
		{"map.max_idle", empty(func(m *hazelcast.Map) any {
			as(m.PutWithMaxIdle(ctx, "a", "one", 1500*time.Millisecond))
			time.Sleep(4 * time.Second)
			return got(m.Get(ctx, "a"))
		})},
		{"map.set_ttl", filled(func(m *hazelcast.Map) any {
			return list(got(m.SetTTLAffected(ctx, "a", time.Second)), gone(m, "a"), got(m.SetTTLAffected(ctx, "nobody", time.Second)), got(m.Size(ctx)))
		})},
		{"map.entry_view", empty(func(m *hazelcast.Map) any {
			for _, value := range []string{"one", "two"} {
				try(m.SetWithTTLAndMaxIdle(ctx, "a", value, time.Minute, 30*time.Second))
			}
			view := as(m.GetEntryView(ctx, "a"))
			return list(view.Key, view.Value, view.Hits, view.Version, view.TTL, view.MaxIdle, view.ExpirationTime > view.CreationTime)
		})},
		{"processor.unknown_on_key", filled(func(m *hazelcast.Map) any { return failure(m.ExecuteOnKey(ctx, &Unknown{}, "a")) })},
		{"processor.unknown_on_entries", filled(func(m *hazelcast.Map) any { return failure(m.ExecuteOnEntries(ctx, &Unknown{})) })},
		{"near_cache.serves_and_is_invalidated", nearCache},
	}
}

func hundredAtOnce(m *hazelcast.Map) any {
	var calls []*begun
	for i := 0; i < 100; i++ {
		key := fmt.Sprintf("k%d", i)
		calls = append(calls, begin(func() any {
			as(m.Put(ctx, key, key))
			return as(m.Get(ctx, key)) == key
		}))
	}
	right := true
	for _, call := range calls {
		right = right && call.get() == true
	}
	return list(got(m.Size(ctx)), right)
}

func nearCache(t *bench) any {
	client := t.connect(func(config *hazelcast.Config) { config.AddNearCache(nearcache.Config{Name: "go.near*"}) })
	defer client.Shutdown(ctx)
	near, writer := as(client.GetMap(ctx, t.unique(""))), t.mapNow()
	try(writer.Set(ctx, "a", "one"))
	first := list(got(near.Get(ctx, "a")), got(near.Get(ctx, "a")))
	try(writer.Set(ctx, "a", "two"))
	until(func() bool { return as(near.Get(ctx, "a")) == "two" })
	second := got(near.Get(ctx, "a"))
	try(writer.Clear(ctx))
	until(func() bool { return as(near.Get(ctx, "a")) == nil })
	return append(first, second, got(near.Get(ctx, "a")))
}

func locks() []check {
	return []check{
		{"lock.is_reentrant", filled(func(m *hazelcast.Map) any {
			owner := m.NewLockContext(ctx)
			try(m.Lock(owner, "a"))
			try(m.Lock(owner, "a"))
			try(m.Unlock(owner, "a"))
			once := got(m.IsLocked(ctx, "a"))
			try(m.Unlock(owner, "a"))
			return list(once, got(m.IsLocked(ctx, "a")))
		})},
		{"lock.of_a_missing_key", empty(func(m *hazelcast.Map) any {
			try(m.Lock(m.NewLockContext(ctx), "nobody"))
			return list(got(m.IsLocked(ctx, "nobody")), got(m.ContainsKey(ctx, "nobody")), got(m.Size(ctx)))
		})},
		{"lock.unlock_unlocked", empty(func(m *hazelcast.Map) any { return done(m.Unlock(m.NewLockContext(ctx), "a")) })},
		{"lock.unlock_by_non_owner", two(func(m, other *hazelcast.Map) any {
			try(m.Lock(m.NewLockContext(ctx), "a"))
			return done(other.Unlock(other.NewLockContext(ctx), "a"))
		})},
		{"lock.force_unlock_by_non_owner", two(func(m, other *hazelcast.Map) any {
			try(m.Lock(m.NewLockContext(ctx), "a"))
			try(other.ForceUnlock(ctx, "a"))
			return got(m.IsLocked(ctx, "a"))
		})},
		{"lock.try_lock", two(func(m, other *hazelcast.Map) any {
			one, two := m.NewLockContext(ctx), other.NewLockContext(ctx)
			return list(got(m.TryLock(one, "a")), got(other.TryLock(two, "a")),
				got(other.TryLockWithTimeout(two, "a", 100*time.Millisecond)), got(m.TryLock(one, "a")))
		})},
		{"lock.try_lock_waits", two(func(m, other *hazelcast.Map) any {
			owner := m.NewLockContext(ctx)
			try(m.Lock(owner, "a"))
			waiting := begin(func() any { return got(other.TryLockWithTimeout(other.NewLockContext(ctx), "a", 20*time.Second)) })
			waiting.state(300 * time.Millisecond)
			try(m.Unlock(owner, "a"))
			return waiting.get()
		})},
		{"lock.lease_ends", empty(func(m *hazelcast.Map) any {
			owner := m.NewLockContext(ctx)
			try(m.LockWithLease(owner, "a", time.Second))
			first := got(m.IsLocked(ctx, "a"))
			ended := until(func() bool { return !as(m.IsLocked(ctx, "a")) })
			return list(first, ended, failure[any](nil, m.Unlock(owner, "a")))
		})},
		{"lock.try_lock_with_lease", two(func(m, other *hazelcast.Map) any {
			return list(got(m.TryLockWithLeaseAndTimeout(m.NewLockContext(ctx), "a", time.Second, time.Second)),
				got(other.TryLockWithTimeout(other.NewLockContext(ctx), "a", 20*time.Second)))
		})},
		{"lock.blocks_a_put", two(func(m, other *hazelcast.Map) any {
			owner := m.NewLockContext(ctx)
			try(m.Lock(owner, "a"))
			put := begin(func() any { return got(other.Put(ctx, "a", "new")) })
			before := put.state(500 * time.Millisecond)
			try(m.Unlock(owner, "a"))
			return list(before, put.get(), got(m.Get(ctx, "a")))
		})},
		{"lock.does_not_block_a_get", two(func(m, other *hazelcast.Map) any {
			try(m.Lock(m.NewLockContext(ctx), "a"))
			return got(other.Get(ctx, "a"))
		})},
		{"lock.owner_may_put", filled(func(m *hazelcast.Map) any {
			owner := m.NewLockContext(ctx)
			try(m.Lock(owner, "a"))
			return list(got(m.Put(owner, "a", "new")), got(m.Remove(owner, "a")), got(m.IsLocked(ctx, "a")))
		})},
		{"lock.freed_when_its_owner_leaves", func(t *bench) any {
			client := t.connect(nil)
			owned := as(client.GetMap(ctx, t.unique("")))
			try(owned.Lock(owned.NewLockContext(ctx), "a"))
			before := got(t.mapNow().IsLocked(ctx, "a"))
			try(client.Shutdown(ctx))
			return list(before, until(func() bool { return !as(t.mapNow().IsLocked(ctx, "a")) }))
		}},
	}
}

// line is what an event says: what happened, to which key, the old and the new value.
func line(kind string, event *hazelcast.EntryNotified) string {
	return kind + " " + text(event.Key) + " " + text(event.OldValue) + " " + text(event.Value)
}

func recorder(h *heard) hazelcast.MapListener {
	entry := func(kind string) func(*hazelcast.EntryNotified) {
		return func(event *hazelcast.EntryNotified) { h.add(line(kind, event)) }
	}
	whole := func(kind string) func(*hazelcast.EntryNotified) {
		return func(event *hazelcast.EntryNotified) { h.add(fmt.Sprintf("%s %d", kind, event.NumberOfAffectedEntries)) }
	}
	return hazelcast.MapListener{
		EntryAdded: entry("added"), EntryUpdated: entry("updated"), EntryRemoved: entry("removed"),
		EntryEvicted: entry("evicted"), EntryExpired: entry("expired"),
		MapCleared: whole("mapCleared"), MapEvicted: whole("mapEvicted"),
	}
}

func changed(m *hazelcast.Map) {
	as(m.Put(ctx, "a", "one"))
	as(m.Put(ctx, "a", "two"))
	as(m.Put(ctx, "b", "xyz"))
	as(m.Remove(ctx, "a"))
	as(m.Evict(ctx, "b"))
}

// hears is a check of what a listener hears while the map, which has the entries, is changed.
func hears(pairs []types.Entry, listen func(*hazelcast.Map, hazelcast.MapListener) (types.UUID, error),
	change func(*hazelcast.Map), count int) func(t *bench) any {
	return func(t *bench) any {
		h, m := &heard{}, t.filled(pairs...)
		as(listen(m, recorder(h)))
		change(m)
		return h.gathered(count)
	}
}

func listeners() []check {
	all := func(m *hazelcast.Map, l hazelcast.MapListener) (types.UUID, error) {
		return m.AddListener(ctx, l, true)
	}
	with := func(p predicate.Predicate) func(*hazelcast.Map, hazelcast.MapListener) (types.UUID, error) {
		return func(m *hazelcast.Map, l hazelcast.MapListener) (types.UUID, error) {
			return m.AddListenerWithPredicate(ctx, l, p, true)
		}
	}
	return []check{
		{"listener.all_events", hears(nil, all, changed, 5)},
		{"listener.without_values", hears(nil, func(m *hazelcast.Map, l hazelcast.MapListener) (types.UUID, error) {
			return m.AddListener(ctx, l, false)
		}, changed, 5)},
		{"listener.of_a_key", hears(nil, func(m *hazelcast.Map, l hazelcast.MapListener) (types.UUID, error) {
			return m.AddListenerWithKey(ctx, l, "b", true)
		}, changed, 2)},
		{"listener.with_predicate", hears(nil, with(predicate.Equal("this", "two")), changed, 2)},
		{"listener.with_predicate_of_a_key", hears(nil, func(m *hazelcast.Map, l hazelcast.MapListener) (types.UUID, error) {
			return m.AddListenerWithPredicateAndKey(ctx, l, predicate.True(), "a", true)
		}, changed, 3)},
		{"listener.expired", hears(nil, all, func(m *hazelcast.Map) {
			try(m.SetWithTTL(ctx, "a", "one", time.Second))
			gone(m, "a")
		}, 2)},
		{"listener.clear", hears(abc(), all, func(m *hazelcast.Map) { try(m.Clear(ctx)) }, 1)},
		{"listener.evict_all", hears(abc(), all, func(m *hazelcast.Map) { try(m.EvictAll(ctx)) }, 1)},
		{"listener.bulk_puts", hears(nil, all, func(m *hazelcast.Map) {
			try(m.PutAll(ctx, types.NewEntry("a", "one"), types.NewEntry("b", "two")))
			try(m.RemoveAll(ctx, predicate.Equal("this", "two")))
		}, 3)},
		{"listener.hears_another_client", func(t *bench) any {
			h := &heard{}
			as(t.mapNow().AddListener(ctx, recorder(h), true))
			try(t.sameMap().Set(ctx, "a", "one"))
			return h.gathered(1)
		}},
		{"listener.removed_hears_nothing", func(t *bench) any {
			h, m := &heard{}, t.mapNow()
			id := as(m.AddListener(ctx, recorder(h), true))
			try(m.RemoveListener(ctx, id))
			as(m.Put(ctx, "a", "one"))
			time.Sleep(300 * time.Millisecond)
			return len(h.all())
		}},
	}
}
